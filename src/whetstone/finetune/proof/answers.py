"""Greedy answers of base and tuned model to the same questions, and their scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from whetstone.finetune.data.tokenizer import ChatTokenizer
from whetstone.finetune.engine import Engine
from whetstone.finetune.proof.questions import Question
from whetstone.optimize.gate.wording import counted
from whetstone.optimize.metrics.parsing import json_objects
from whetstone.optimize.metrics.types import Answer, MetricError

Say = Callable[[str], None]

_CHUNK = 16
"""Questions between two words of progress."""
_ARGUMENTS = ("arguments", "parameters")


@dataclass(frozen=True, slots=True)
class Answered:
    """A question with both answers and scores (0..1)."""

    question: Question
    base: str
    tuned: str
    base_score: float
    tuned_score: float

    def to_dict(self) -> dict[str, Any]:
        """A line of `answers.jsonl` in the job's folder. It quotes the answers, so it belongs in no log."""
        return {
            "id": self.question.example.id,
            "task": self.question.example.task,
            "metric": self.question.scorer.name,
            "expected": self.question.row.expected_text,
            "base": self.base,
            "tuned": self.tuned,
            "baseScore": self.base_score,
            "tunedScore": self.tuned_score,
        }


def answer_all(
    engine: Engine, tokenizer: ChatTokenizer, questions: Sequence[Question], say: Say
) -> tuple[list[Answered], list[str]]:
    """Every question answered by both models and scored, in order, and sentences about what went wrong."""
    notes: list[str] = []
    texts: list[list[str]] = []
    for name, adapter in (("base", False), ("tuned", True)):
        replies = _replies(engine, tokenizer, questions, name, adapter, say)
        texts.append([_said(tokenizer.decode(ids)) for ids in replies])
        cut = sum(len(ids) >= each.max_tokens for ids, each in zip(replies, questions, strict=True))
        if cut:
            notes.append(f"{cut} of {len(questions)} answers of the {name} model reached the longest length")
    found: list[Answered] = []
    failed: Counter[str] = Counter()
    for question, base, tuned in zip(questions, *texts, strict=True):
        try:
            found.append(Answered(question, base, tuned, _score(question, base), _score(question, tuned)))
        except MetricError as error:
            failed[_why(error)] += 1
    notes += [f"{counted(count, count)} not scored: {reason}" for reason, count in failed.items()]
    return found, notes


def _replies(
    engine: Engine,
    tokenizer: ChatTokenizer,
    questions: Sequence[Question],
    name: str,
    adapter: bool,
    say: Say,
) -> list[list[int]]:
    """The model's answers in token ids, in the order of the questions."""
    # Prompts of like length together; the longest first, so that memory runs out at once or never.
    order = sorted(range(len(questions)), key=lambda index: -len(questions[index].example.prompt))
    replies: dict[int, list[int]] = {}
    for start in range(0, len(order), _CHUNK):
        chunk = order[start : start + _CHUNK]
        answers = engine.generate(
            [questions[index].example.prompt.tolist() for index in chunk],
            [questions[index].max_tokens for index in chunk],
            tokenizer.stop_ids,
            adapter=adapter,
        )
        replies.update(zip(chunk, answers, strict=True))
        say(f"{name} model: {len(replies)} of {len(questions)} test rows answered")
    return [replies[index] for index in range(len(questions))]


def _said(text: str) -> str:
    """The answer without what a model thought aloud before it."""
    return text.rpartition("</think>")[2].strip()


def _score(question: Question, text: str) -> float:
    """Raises `MetricError`."""
    calls = _calls(text) if question.row.expected.tool_calls else ()
    return question.scorer.score_now(question.row, Answer("" if calls else text, calls)).value


def _why(error: MetricError) -> str:
    """What of the error may be kept beside a model: the words of a user's own metric may quote rows."""
    kind = type(error.__cause__).__name__ if error.__cause__ is not None else "its result is no score"
    return f"the metric {error.metric} failed ({kind})"


def _calls(text: str) -> tuple[Mapping[str, Any], ...]:
    """The tool calls that an answer writes out, in whatever tags its template puts around them."""
    return tuple(found for found in json_objects(text) if _is_call(found.get("function", found)))


def _is_call(body: Any) -> bool:
    return (
        isinstance(body, Mapping)
        and isinstance(body.get("name"), str)
        and any(key in body for key in _ARGUMENTS)
    )
