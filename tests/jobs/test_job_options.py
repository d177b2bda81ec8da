"""What a client may ask for, and what it is told when it may not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whetstone.api.models.create_job import CreateJob
from whetstone.errors import InvalidInputError, NotAvailableError
from whetstone.finetune.backends import availability
from whetstone.jobs.backends import BACKENDS, find_backend
from whetstone.jobs.native_options import native_options, native_spec
from whetstone.jobs.options import JobOptions
from whetstone.optimize.spec import NativeSpec
from whetstone.settings import Settings


def test_body_of_the_specification_is_understood() -> None:
    body = {
        "datasetId": "dataset-abc123",
        "maxTrajectories": 500,
        "backend": "mlx",
        "model": "eliza-1-2b",
        "iterations": 100,
        "batchSize": 4,
        "learningRate": 0.0001,
    }
    assert JobOptions.parse({**body, "unknown": [1]}).to_dict() == body


@pytest.mark.parametrize("dataset", [None, "", "  ", "__auto__"])
def test_absent_and_automatic_dataset_are_the_same(dataset: str | None) -> None:
    options = JobOptions.parse({"datasetId": dataset, "model": "", "iterations": None})
    assert options.to_dict() == {"backend": "native"}


@pytest.mark.parametrize("key", ["maxTrajectories", "iterations", "batchSize"])
@pytest.mark.parametrize("value", ["5", 0, -1, 1.5, True, [], {}, float("inf"), float("nan"), 2**31, 10**400])
def test_whole_numbers_of_another_kind_are_refused(key: str, value: Any) -> None:
    with pytest.raises(InvalidInputError, match=f"^{key} must be a positive whole number$"):
        JobOptions.parse({key: value})


@pytest.mark.parametrize("value", ["0.1", 0, -0.1, False, float("inf"), float("nan"), 10**400])
def test_learning_rate_of_another_kind_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"^learningRate must be a positive number$"):
        JobOptions.parse({"learningRate": value})


@pytest.mark.parametrize("value", [5, True, ["x"], "a\x00b", "\ud800", "x" * 1001])
def test_texts_of_another_kind_are_refused(value: Any) -> None:
    with pytest.raises(InvalidInputError, match="datasetId must be"):
        JobOptions.parse({"datasetId": value})


wild = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)
keys = st.sampled_from(
    ["datasetId", "maxTrajectories", "backend", "model", "iterations", "batchSize", "learningRate", "task",
     "optimizer", "baseline", "seed", "maxCalls", "maxTokens", "maxSeconds", "fewShot", "confidence", "metric",
     "dryRun", "maxCost", "maxProposals", "effort", "repeats", "equivalenceMargin", "maxPromptTokens", "components",
     "teacherGold", "rubric", "instructions", "evolution", "maxTestRows"]
) | st.text()  # fmt: skip


@given(st.dictionaries(keys, wild, max_size=5))
def test_any_body_is_understood_or_refused_in_words(body: dict[str, Any]) -> None:
    try:
        options = JobOptions.parse(body)
        backend = BACKENDS.get(options.backend, BACKENDS["native"])
        backend.options({**options.more, **options.to_dict()})
    except (InvalidInputError, NotAvailableError) as error:
        assert error.message  # noqa: PT017 (either outcome is right)


def test_native_options_are_picked_and_kept_as_sent() -> None:
    given_options = {"task": "response", "optimizer": "bootstrap-fewshot", "maxCalls": 50, "seed": 3}
    body = {**given_options, "baseline": "  ", "jobDir": "/etc", "budget": {}, "other": 1}
    assert native_options(body) == given_options


EVERY_OPTION = {
    "task": "response",
    "optimizer": "auto",
    "baseline": "Answer.",
    "metric": "judge",
    "rubric": ["It is polite.", "It is right."],
    "maxCalls": 500,
    "maxTokens": 100_000,
    "maxCost": 2.5,
    "maxSeconds": 600,
    "maxProposals": 40,
    "effort": "heavy",
    "seed": 3,
    "repeats": 2,
    "confidence": 0.9,
    "equivalenceMargin": 0.02,
    "maxValidationRows": 50,
    "maxTestRows": 200,
    "maxPromptTokens": 900,
    "components": ["tools", "prompts"],
    "teacherGold": True,
    "fewShot": {"demonstrations": 3, "demonstrationFormat": "block", "teacher": True},
    "instructions": {"instructions": 4, "demonstrationSets": 0, "minibatch": 10, "fullEvery": 3},
    "evolution": {"minibatch": 5, "width": 2, "merge": False, "restartAfter": 9},
}


def test_every_option_a_client_may_choose_is_taken() -> None:
    assert native_options(EVERY_OPTION) == EVERY_OPTION
    spec = native_spec(EVERY_OPTION, "job-1", Path("job"), "dataset-1", Path("dataset"))
    left_alone = {"job_id", "job_dir", "dataset_id", "dataset_dir"}
    defaults = NativeSpec(job_id="", job_dir=Path(), dataset_id="", dataset_dir=Path())
    same = {name for name in NativeSpec.model_fields if getattr(spec, name) == getattr(defaults, name)}
    assert not same - left_alone, "a field that no option reaches"
    assert (spec.budget.max_cost, spec.budget.max_proposals) == (2.5, 40)


def test_every_option_is_documented() -> None:
    assert EVERY_OPTION.keys() <= CreateJob.model_json_schema()["properties"].keys()


@pytest.mark.parametrize(
    "optimizer",
    [
        "bootstrap-fewshot",
        "instruction-search",
        "prompt-evolution",
        "auto",
        "gepa",
        "dspy-mipro",
        "dspy-copro",
    ],
)
def test_optimizers_are_known_by_their_names_and_the_reference_s(optimizer: str) -> None:
    assert native_options({"optimizer": optimizer}) == {"optimizer": optimizer}


def test_unknown_optimizer_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInputError, match=r"Available optimizers: bootstrap-fewshot, .*gepa"):
        native_options({"optimizer": "magic"})


def test_unknown_metric_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInputError, match=r"no metric named 'x'; known are .*decision.*judge"):
        native_options({"metric": "x"})


def test_function_of_a_module_is_no_metric_for_a_request() -> None:
    with pytest.raises(InvalidInputError, match="only the command line"):
        native_options({"metric": "os:system"})


@pytest.mark.parametrize(
    "options",
    [
        {"rubric": ["It is polite."], "metric": "text"},
        {"rubric": ["It is polite."], "task": "should_respond"},
        {"rubric": [" "], "metric": "judge"},
        {"rubric": [], "metric": "judge"},
        {"rubric": "It is polite.", "metric": "judge"},
    ],
)
def test_rubric_that_cannot_be_judged_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="rubric"):
        native_options(options)


@pytest.mark.parametrize("value", ["true", 1, [], {}])
def test_dry_run_is_true_or_false(value: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"^dryRun must be true or false$"):
        JobOptions.parse({"dryRun": value})


def test_dry_run_is_no_option_of_the_job() -> None:
    options = JobOptions.parse({"dryRun": True, "task": "response"})
    assert (options.dry_run, options.to_dict()) == (True, {"backend": "native"})
    assert not JobOptions.parse({"dryRun": None}).dry_run


def test_unknown_task_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInputError, match=r"Task 'x' is not known\. Known tasks: .*should_respond"):
        native_options({"task": "x"})


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"maxCalls": "9"}, "maxCalls"),
        ({"seed": "a"}, "seed"),
        ({"seed": 2**70}, "numbers"),
        ({"maxCost": 0}, "maxCost"),
        ({"effort": "huge"}, "effort"),
        ({"components": ["memory"]}, "components"),
        ({"evolution": {"width": 0}}, "evolution.width"),
        ({"fewShot": {"sets": 1}}, "fewShot.sets"),
    ],
)
def test_native_option_of_the_wrong_type_is_named(option: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        native_options(option)


def test_unknown_backend_is_refused_in_the_contract_s_words(settings: Settings) -> None:
    with pytest.raises(InvalidInputError) as caught:
        find_backend("x", BACKENDS, settings)
    available = [name for name, found in availability(settings).items() if found.available]
    assert caught.value.message.startswith(
        "Backend 'x' is not available on this system. Available backends: native"
    )
    named = caught.value.message.partition("backends: ")[2].split(", ")
    assert sorted(named) == sorted(available)
