"""Artifacts: the strict reader, and proof that an Eliza reads what we write."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whetstone.prompts.artifact import ArtifactError, PromptArtifact, check_task, parse

REQUIRED = (
    "task",
    "optimizer",
    "baseline",
    "prompt",
    "score",
    "baselineScore",
    "datasetId",
    "datasetSize",
    "generatedAt",
    "lineage",
)


def example(**changes: Any) -> dict[str, Any]:
    """The contract's example of an artifact."""
    return {
        "task": "should_respond",
        "optimizer": "instruction-search",
        "baseline": "Decide.",
        "prompt": "Decide whether to respond.",
        "score": 0.71,
        "baselineScore": 0.64,
        "datasetId": "run-1",
        "datasetSize": 120,
        "generatedAt": "2026-02-19T10:00:00.000Z",
        "fewShotExamples": [
            {
                "id": "c-1",
                "input": {"system": "Decide.", "user": "Fern, hello"},
                "expectedOutput": "RESPOND",
                "reward": 1,
                "metadata": {},
            }
        ],
        "lineage": [{"round": 0, "variant": 0, "score": 0.64, "notes": "baseline"}],
    } | changes


def eliza_loads(content: bytes) -> dict[str, Any] | None:
    """Eliza's acceptance rule, restated from contract §15.1: the artifact it would use, or None."""
    raw = json.loads(content)
    tasks = {"should_respond", "context_routing", "action_planner", "response", "media_description"}
    optimizers = {"instruction-search", "prompt-evolution", "bootstrap-fewshot"}

    def is_number(value: Any) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)

    checks: dict[str, Callable[[Any], bool]] = {
        "task": lambda value: value in tasks,
        "optimizer": lambda value: value in optimizers,
        "score": is_number,
        "baselineScore": is_number,
        "datasetSize": is_number,
        "lineage": lambda value: isinstance(value, list),
    }
    for key in REQUIRED:
        check = checks.get(key, lambda value: isinstance(value, str))
        if key not in raw or not check(raw[key]):
            return None
    for entry in raw["lineage"]:
        assert all(is_number(entry[key]) for key in ("round", "variant", "score"))
    for shown in raw.get("fewShotExamples", []):
        assert isinstance(shown["input"]["user"], str)
        assert isinstance(shown["expectedOutput"], str)
        assert "reward" not in shown or is_number(shown["reward"])
        assert "system" not in shown["input"] or isinstance(shown["input"]["system"], str)
    assert isinstance(raw, dict)
    return raw


def test_the_contracts_example_is_read_and_written_back_with_the_same_values() -> None:
    artifact = parse(json.dumps(example()))
    assert artifact.few_shot_examples[0].input.user == "Fern, hello"
    assert artifact.baseline_score == 0.64
    assert artifact.generated_ms == 1771495200000
    written = json.loads(artifact.to_json())
    assert written | example() == written


def test_an_eliza_loads_an_artifact_with_all_our_evidence() -> None:
    artifact = PromptArtifact(
        **example(),
        artifactId="artifact-1",
        jobId="job-1",
        demonstrationFormat="turns",
        models={"task": "smollm2"},
        metric={"name": "decision"},
        split={"seed": 7, "counts": {"train": 48}},
        seed=7,
        budget={"limit": {"calls": 100}, "spent": {"calls": 40}},
        finishReason="completed",
        promotionDecision={"promote": True, "delta": 0.07, "reason": "promoted"},
        perExample=[{"id": "c-2", "incumbent": 0.0, "candidate": 1.0}],
        privacy={"filterVersion": "1"},
    )
    loaded = eliza_loads(artifact.to_json())
    assert loaded is not None
    assert loaded["promotionDecision"]["promote"] is True
    assert loaded["demonstrationFormat"] == "turns"
    assert len(loaded["promptSha256"]) == 64
    assert parse(artifact.to_json()).to_dict() == artifact.to_dict()


@pytest.mark.parametrize("field", REQUIRED)
def test_a_missing_or_mistyped_required_field_is_named(field: str) -> None:
    missing = example()
    del missing[field]
    with pytest.raises(ArtifactError, match=field) as caught:
        parse(json.dumps(missing))
    assert caught.value.field == field
    wrong = 5 if isinstance(example()[field], str) else "text"
    for value in (wrong, None):
        with pytest.raises(ArtifactError, match=field):
            parse(json.dumps(example(**{field: value})))


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "magic"},
        {"task": "../../etc"},
        {"task": "a" * 65},
        {"generatedAt": "yesterday"},
        {"score": True},
        {"datasetSize": "120"},
    ],
)
def test_values_that_no_reader_should_accept_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ArtifactError, match=next(iter(changes))):
        parse(json.dumps(example(**changes)))


def test_malformed_demonstrations_and_lineage_entries_are_left_out_as_in_eliza() -> None:
    artifact = parse(
        json.dumps(
            example(
                fewShotExamples=[{"input": {}}, "x", *example()["fewShotExamples"]],
                lineage=[{"round": "0"}, {"round": 1, "variant": 2, "score": 0.5}],
            )
        )
    )
    assert [shown.id for shown in artifact.few_shot_examples] == ["c-1"]
    assert [entry.round for entry in artifact.lineage] == [1]


def test_keys_of_other_programs_survive_a_round_trip() -> None:
    artifact = parse(json.dumps(example(frontier=[{"prompt": "x"}], contextConfig={"a": 1})))
    written = json.loads(artifact.to_json())
    assert written["frontier"] == [{"prompt": "x"}]
    assert written["contextConfig"] == {"a": 1}


def test_a_prompt_that_is_not_valid_unicode_is_refused_when_written() -> None:
    with pytest.raises(ArtifactError, match="cannot be written"):
        PromptArtifact(**example(baseline="\ud800")).to_json()


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"null", b'"x"', b"{", b"[" * 5000])
def test_what_is_no_json_object_is_refused(content: bytes) -> None:
    with pytest.raises(ArtifactError):
        parse(content)


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from([*REQUIRED, "fewShotExamples", "promotionDecision", "other"]), _json)
def test_whatever_a_field_holds_the_file_is_read_or_refused_with_its_name(field: str, value: Any) -> None:
    try:
        artifact = parse(json.dumps(example(**{field: value})))
    except ArtifactError as error:
        assert error.field.startswith(field)  # noqa: PT017
    else:
        assert parse(artifact.to_json()) is not None


@pytest.mark.parametrize("task", ["", "a/b", "..", "Upper", "dot.dot", "a\n", "ü", "a" * 65])
def test_unsafe_task_names_are_refused(task: str) -> None:
    with pytest.raises(ArtifactError):
        check_task(task)


def test_tasks_of_a_users_own_are_accepted() -> None:
    assert parse(json.dumps(example(task="intent_77"))).task == "intent_77"
