from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from lm_tools import wait_until
from openai_peer import Messages, OpenAIPeer, Reply
from optimize_world import (
    SYSTEM,
    TASK,
    Recorder,
    answer,
    demonstrated_turns,
    learns_from_turns,
    never_learns,
    peer_settings,
    right_decision,
    rows,
    spec_for,
    spoilt_by_demonstrations,
    write_dataset,
)
from whetstone.errors import InvalidInputError
from whetstone.optimize.engine.evaluation import InvalidEvaluationError
from whetstone.optimize.native import run
from whetstone.optimize.reporter import PHASES
from whetstone.optimize.spec import FewShotOptions
from whetstone.prompts.artifact import parse
from whetstone.prompts.store import PromptStore
from whetstone.settings import Settings

MADE = rows(100)  # 40 train, 20 validation, 40 test


@pytest.fixture
def lm_settings(settings: Settings, openai_peer: OpenAIPeer) -> Settings:
    openai_peer.answer = learns_from_turns
    return peer_settings(settings, openai_peer)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "dataset", MADE)


def texts(split: str) -> set[str]:
    return {row["request"]["prompt"] for row in MADE if row["metadata"]["split"] == split}


def content(result: dict[str, Any]) -> bytes:
    """The artifact's file."""
    return Path(result["artifactPath"]).read_bytes()


async def test_demonstrations_that_help_are_promoted_with_their_evidence(
    tmp_path: Path, dataset: Path, lm_settings: Settings
) -> None:
    recorder = Recorder()
    result = await run(spec_for(tmp_path, dataset), recorder, lm_settings)
    assert result["decision"] == "promoted"
    assert (result["baselineScore"], result["score"], result["rows"]) == (0.0, 1.0, 40)
    assert result["interval"][0] > 0
    assert (result["evaluatedOn"], result["finishReason"]) == ("test", "completed")
    assert result["demonstrationFormat"] == "turns"

    current = PromptStore(lm_settings.optimized_prompts_dir).current(TASK)
    assert current is not None
    assert str(current.path) == result["artifactPath"]
    artifact = parse(content(result))
    assert (artifact.prompt, artifact.baseline, artifact.optimizer) == (SYSTEM, SYSTEM, "bootstrap-fewshot")
    assert {shown.input.user for shown in artifact.few_shot_examples} <= texts("train")
    document = orjson.loads(content(result))
    assert document["promotionDecision"]["decision"] == "promoted"
    assert document["promotionDecision"]["evaluatedOn"] == "test"
    assert document["split"]["counts"] == {"train": 40, "validation": 20, "test": 40}
    assert len(document["perExample"]) == 40
    assert set(document["perExample"][0]) == {"id", "incumbent", "candidate"}
    assert document["budget"]["spent"]["gate"]["calls"] == 80
    assert document["models"] == {"task": "peer"}
    assert any(entry["notes"] == "incumbent" for entry in document["lineage"])


async def test_progress_only_rises_and_goes_through_all_phases(
    tmp_path: Path, dataset: Path, lm_settings: Settings
) -> None:
    recorder = Recorder()
    await run(spec_for(tmp_path, dataset), recorder, lm_settings)
    fractions = [fraction for fraction, _, _ in recorder.news]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert list(dict.fromkeys(phase for _, phase, _ in recorder.news)) == list(PHASES)
    assert not any(row["request"]["prompt"] in line for row in MADE for line in recorder.lines)


async def test_no_test_row_is_sent_before_the_gate_or_shown_ever(
    tmp_path: Path, dataset: Path, lm_settings: Settings, openai_peer: OpenAIPeer
) -> None:
    gate_started_at: list[int] = []

    def note(_fraction: float, phase: str, _message: str) -> None:
        if phase == "validating" and not gate_started_at:
            gate_started_at.append(len(openai_peer.calls))

    await run(spec_for(tmp_path, dataset), Recorder(note), lm_settings)
    search = openai_peer.calls[: gate_started_at[0]]
    gate = openai_peer.calls[gate_started_at[0] :]
    assert search
    for call in search:
        sent = orjson.dumps(call.body).decode()
        assert not any(text in sent for text in texts("test"))
    for call in openai_peer.calls:
        before_the_question = orjson.dumps(call.messages[:-1]).decode()
        assert not any(text in before_the_question for text in texts("test") | texts("validation"))
    assert {call.messages[-1]["content"] for call in gate} == texts("test")
    assert len(gate) == 2 * len(texts("test")), "each test row is asked once of each prompt"


async def test_where_nothing_helps_the_incumbent_stays(
    tmp_path: Path, dataset: Path, lm_settings: Settings, openai_peer: OpenAIPeer
) -> None:
    openai_peer.answer = never_learns
    result = await run(spec_for(tmp_path, dataset), Recorder(), lm_settings)
    assert result["decision"] == "inconclusive"
    assert result["delta"] == 0
    store = PromptStore(lm_settings.optimized_prompts_dir)
    assert store.current(TASK) is None
    assert [each.job_id for each in store.rejected(TASK)] == ["job-1"]
    assert Path(result["artifactPath"]).parent.name == "rejected"


async def test_a_candidate_that_is_worse_on_validation_never_sees_the_test_rows(
    tmp_path: Path, dataset: Path, lm_settings: Settings, openai_peer: OpenAIPeer
) -> None:
    openai_peer.answer = spoilt_by_demonstrations
    result = await run(spec_for(tmp_path, dataset), Recorder(), lm_settings)
    assert (result["decision"], result["evaluatedOn"]) == ("rejected", "validation")
    assert result["interval"][1] < 0
    asked = {call.messages[-1]["content"] for call in openai_peer.calls}
    assert not asked & texts("test")


async def test_the_current_artifact_with_its_demonstrations_is_the_one_to_beat(
    tmp_path: Path, dataset: Path, lm_settings: Settings
) -> None:
    first = await run(spec_for(tmp_path, dataset), Recorder(), lm_settings)
    second = await run(
        spec_for(tmp_path, dataset, job_id="job-2", job_dir=tmp_path / "job-2", seed=5),
        Recorder(),
        lm_settings,
    )
    assert (first["decision"], second["decision"]) == ("promoted", "inconclusive")
    assert (second["baselineScore"], second["score"]) == (1.0, 1.0)
    current = PromptStore(lm_settings.optimized_prompts_dir).current(TASK)
    assert current is not None
    assert current.artifact.job_id == "job-1"


async def test_a_given_baseline_is_built_on_but_must_beat_what_runs_today(
    tmp_path: Path, dataset: Path, lm_settings: Settings, openai_peer: OpenAIPeer
) -> None:
    await run(spec_for(tmp_path, dataset), Recorder(), lm_settings)
    spec = spec_for(
        tmp_path, dataset, job_id="job-2", job_dir=tmp_path / "job-2", baseline="You are new here."
    )
    result = await run(spec, Recorder(), lm_settings)
    assert result["baselineScore"] == 1.0
    assert any(call.messages[0]["content"] == "You are new here." for call in openai_peer.calls)


async def test_rows_that_the_incumbent_shows_are_not_judged(
    tmp_path: Path, dataset: Path, lm_settings: Settings
) -> None:
    await run(spec_for(tmp_path, dataset), Recorder(), lm_settings)
    turned = {"train": "test", "test": "train", "validation": "validation"}
    other = [
        {**row, "metadata": {**row["metadata"], "split": turned[row["metadata"]["split"]]}} for row in MADE
    ]
    folder = write_dataset(tmp_path / "turned", other)
    spec = spec_for(tmp_path, folder, job_id="job-2", job_dir=tmp_path / "job-2")
    result = await run(spec, Recorder(), lm_settings)
    shown = len(
        parse(next((lm_settings.optimized_prompts_dir / TASK).glob("v1.json")).read_bytes()).few_shot_examples
    )
    assert shown > 0
    assert result["split"]["used"]["test"] == 40 - shown
    assert any("shows them as demonstrations" in note for note in result["notes"])


async def test_a_chosen_format_is_the_only_one_tried(
    tmp_path: Path, dataset: Path, lm_settings: Settings, openai_peer: OpenAIPeer
) -> None:
    spec = spec_for(
        tmp_path, dataset, few_shot=FewShotOptions(demonstration_format="block", demonstrations=2)
    )
    result = await run(spec, Recorder(), lm_settings)
    assert result["demonstrationFormat"] == "block"
    assert result["decision"] == "inconclusive"
    assert not any(demonstrated_turns(call.messages) for call in openai_peer.calls)


async def test_the_teachers_own_words_are_shown_where_they_are_right(
    tmp_path: Path, dataset: Path, lm_settings: Settings, openai_peer: OpenAIPeer
) -> None:
    def wordy(messages: Messages) -> str:
        decision = right_decision(messages[-1]["content"])
        if decision == "STOP" and not demonstrated_turns(messages):
            return "?"
        return orjson.dumps({"thought": "sure", "action": decision}).decode()

    openai_peer.answer = wordy
    result = await run(
        spec_for(tmp_path, dataset, few_shot=FewShotOptions(teacher=True)), Recorder(), lm_settings
    )
    assert result["decision"] == "promoted"
    artifact = parse(content(result))
    own_words = [shown for shown in artifact.few_shot_examples if "sure" in shown.expected_output]
    assert own_words
    assert all(right_decision(shown.input.user) != "STOP" for shown in own_words)


async def test_too_many_failures_end_the_job_instead_of_scoring_it(
    tmp_path: Path, dataset: Path, lm_settings: Settings, openai_peer: OpenAIPeer
) -> None:
    def fails_sometimes(messages: Messages) -> str:
        if "amber" in messages[-1]["content"]:
            raise ValueError("out of order")
        return answer("RESPOND")

    openai_peer.answer = fails_sometimes
    with pytest.raises(InvalidEvaluationError, match="out of order"):
        await run(spec_for(tmp_path, dataset), Recorder(), lm_settings)
    assert PromptStore(lm_settings.optimized_prompts_dir).rejected(TASK) == []


async def test_an_endpoint_that_comes_back_lets_the_job_go_on(
    tmp_path: Path, dataset: Path, lm_settings: Settings, openai_peer: OpenAIPeer
) -> None:
    openai_peer.script(*[Reply(status=503)] * 40)
    with pytest.raises(InvalidEvaluationError, match="503"):
        await run(spec_for(tmp_path, dataset), Recorder(), lm_settings)
    openai_peer._scripted.clear()
    result = await run(spec_for(tmp_path, dataset), Recorder(), lm_settings)
    assert result["decision"] == "promoted"


async def test_an_outage_during_the_gate_does_not_settle_it(
    tmp_path: Path, dataset: Path, lm_settings: Settings, openai_peer: OpenAIPeer
) -> None:
    def outage(_fraction: float, phase: str, _message: str) -> None:
        if phase == "validating":
            openai_peer.script(*[Reply()] * 10, *[Reply(status=503)] * 5)

    with pytest.raises(InvalidEvaluationError, match="503"):
        await run(spec_for(tmp_path, dataset), Recorder(outage), lm_settings)
    result = await run(spec_for(tmp_path, dataset), Recorder(), lm_settings)
    assert (result["decision"], result["rows"]) == ("promoted", 40)


async def test_a_candidate_that_the_endpoint_refuses_only_leaves_the_race(
    tmp_path: Path, dataset: Path, lm_settings: Settings, openai_peer: OpenAIPeer
) -> None:
    def refuses_blocks(messages: Messages) -> str:
        if "Demonstrations:" in messages[0]["content"]:
            raise ValueError("too long")
        return learns_from_turns(messages)

    openai_peer.answer = refuses_blocks
    recorder = Recorder()
    result = await run(spec_for(tmp_path, dataset), recorder, lm_settings)
    assert result["decision"] == "promoted"
    assert any("is out" in line and "too long" in line for line in recorder.lines)


async def test_cancelling_ends_within_a_second_and_can_be_resumed(
    tmp_path: Path, dataset: Path, lm_settings: Settings, openai_peer: OpenAIPeer
) -> None:
    openai_peer.latency = 0.02
    job = asyncio.create_task(run(spec_for(tmp_path, dataset), Recorder(), lm_settings))
    await wait_until(lambda: len(openai_peer.calls) > 20 or job.done())
    assert not job.done()
    started = time.monotonic()
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert time.monotonic() - started < 5  # a fraction of a second where nothing else runs
    result = await run(spec_for(tmp_path, dataset), Recorder(), lm_settings)
    assert result["decision"] == "promoted"
    questions = [orjson.dumps(call.messages) for call in openai_peer.calls]
    asked_again = len(questions) - len(set(questions))
    assert asked_again <= lm_settings.lm_concurrency, "only what was in flight is asked again"


@pytest.mark.parametrize("name", ["no-such", "", "GEPA"])
async def test_unknown_optimizers_are_refused(
    tmp_path: Path, dataset: Path, lm_settings: Settings, name: str
) -> None:
    with pytest.raises(InvalidInputError, match="bootstrap-fewshot"):
        await run(spec_for(tmp_path, dataset, optimizer=name), Recorder(), lm_settings)


async def test_the_references_names_are_taken(tmp_path: Path, dataset: Path, lm_settings: Settings) -> None:
    spec = spec_for(tmp_path, dataset, optimizer="dspy-bootstrap-fewshot")
    assert (await run(spec, Recorder(), lm_settings))["optimizer"] == "bootstrap-fewshot"


async def test_rows_longer_than_the_context_are_left_out_and_named(
    tmp_path: Path, lm_settings: Settings, openai_peer: OpenAIPeer
) -> None:
    made: list[dict[str, Any]] = rows(100)
    for row in made[1:20:5]:  # the validation rows among the first 20
        row["request"]["prompt"] += " word" * 2000
    folder = write_dataset(tmp_path / "long", made)
    spec = spec_for(tmp_path, folder, few_shot=FewShotOptions(max_request_tokens=600))
    result = await run(spec, Recorder(), lm_settings)
    assert result["split"]["used"]["validation"] == 16
    assert any("exceed the 600 tokens" in note for note in result["notes"])
    assert max(len(orjson.dumps(call.messages)) for call in openai_peer.calls) < 600 * 4
