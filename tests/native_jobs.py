"""Native jobs in real workers, on the small world of the optimizer tests and the loopback model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jobs_bench import DATASET, Bench, MakeBench
from openai_peer import Answer, Messages, OpenAIPeer
from optimize_world import SPLITS, SYSTEM, TASK, demonstrated_turns, right_decision, rows, write_dataset
from optimize_world import answer as right_answer
from whetstone.jobs.options import JobOptions

SMALL_SETS = {"demonstrations": 3, "randomSets": 1}


async def native_bench(
    make_bench: MakeBench,
    peer: OpenAIPeer,
    answer: Answer,
    made: Sequence[dict[str, Any]] | None = None,
    **changes: Any,
) -> Bench:
    """A running service whose model is the peer, with a dataset of that world."""
    peer.answer = answer
    settings = {
        "lm_provider": "openai",
        "lm_base_url": peer.base_url,
        "lm_model": "peer",
        "lm_concurrency": 8,
        "lm_max_retries": 0,
        **changes,
    }
    bench = await make_bench(**settings)
    write_dataset(bench.datasets.directory(DATASET), rows(60) if made is None else made)
    return bench


async def start(bench: Bench, **options: Any) -> str:
    """Queue a native job; its id."""
    body = {"datasetId": DATASET, "task": TASK, "fewShot": SMALL_SETS, **options}
    job_id: str = (await bench.service.create(JobOptions.parse(body)))["id"]
    return job_id


RULES = {
    "RESPOND": "Whoever asks for assistance gets an answer: RESPOND.",
    "STOP": "Whoever wants silence is left alone: STOP.",
    "IGNORE": "Farewells need no reaction: IGNORE.",
}


def is_reflection(messages: Messages) -> bool:
    """Whether the request is for a better prompt: task requests of this world have a system prompt."""
    return bool(messages[0]["role"] != "system")


def is_test_row(messages: Messages) -> bool:
    """Whether the request is one of the gate's."""
    number = str(messages[-1]["content"]).rsplit(maxsplit=1)[-1]
    return number.isdigit() and SPLITS[int(number) % len(SPLITS)] == "test" and not is_reflection(messages)


def follows_rules(messages: Messages) -> str:
    """Task and reflection model in one: it answers right where the prompt has the rule for the case or examples show
    its decision, and proposes prompts with one rule more than the one it is asked about."""
    if is_reflection(messages):
        question = str(messages[-1]["content"])
        known = [rule for rule in RULES.values() if rule in question]
        missing = [rule for rule in RULES.values() if rule not in question]
        text = "\n".join([SYSTEM, *known, *missing[:1]])
        why = "A rule is missing."  # each optimizer asks for its own form
        return f"Hypothesis: {why}\n<hypothesis>{why}</hypothesis>\n<instruction>{text}</instruction>"
    label = right_decision(messages[-1]["content"])
    shown = any(label in text for text in demonstrated_turns(messages))
    return (
        right_answer(label)
        if shown or RULES[label] in messages[0]["content"]
        else "I would be happy to help!"
    )
