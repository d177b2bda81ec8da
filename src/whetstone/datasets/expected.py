"""The expected answer of a call, and how far it can be trusted.

What a model once answered is not the right answer because it was answered: scored against it, the prompt that
produced it is perfect by construction. A recorded answer counts as verified only by a reward; a correction always
does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from whetstone.datasets.feedback import annotated_reward, reward_verdict

Source = Literal["correction", "reward", "unverified"]

REWARD_THRESHOLD = 0.5
"""Least reward or judge score (0..1) by which a recorded answer counts as right."""

_SCENARIO_REWARDS = {"passed": 1.0, "failed": 0.0}


@dataclass(frozen=True, slots=True)
class Expected:
    """The answer that a row teaches: its text, its tool calls, and where they come from.

    `reward` belongs to the recorded answer, also where a correction replaced it.
    """

    text: str
    tool_calls: Sequence[Any]
    source: Source
    reward: float | None

    @property
    def verified(self) -> bool:
        """Whether the answer may serve as gold."""
        return self.source != "unverified"

    @property
    def rejected(self) -> bool:
        """Whether a reward says that the answer is wrong and nobody gave a better one."""
        return self.source == "unverified" and self.reward is not None

    @property
    def content(self) -> str:
        """The answer as one text (see `answer_text`)."""
        return answer_text(self.text, self.tool_calls)


def answer_text(text: str, tool_calls: Sequence[Any]) -> str:
    """An answer as a model would write it: its text; tool calls without text as the JSON `{"toolCalls": […]}`."""
    if text or not tool_calls:
        return text
    return orjson.dumps({"toolCalls": list(tool_calls)}).decode()


def expected_answer(
    document: Mapping[str, Any], step: Mapping[str, Any], call: Mapping[str, Any]
) -> Expected:
    """The correction of a call where there is one, else its recorded answer."""
    reward = reward_of(document, step, call)
    corrected = _correction(call)
    if corrected is not None:
        return Expected(*corrected, "correction", reward)
    verified = reward is not None and reward >= REWARD_THRESHOLD
    return Expected(*recorded_answer(call), "reward" if verified else "unverified", reward)


def recorded_answer(call: Mapping[str, Any]) -> tuple[str, Sequence[Any]]:
    """Text and tool calls that the model once answered."""
    text = call.get("response")
    return text.strip() if isinstance(text, str) else "", _calls(call.get("toolCalls"))


def reward_of(document: Mapping[str, Any], step: Mapping[str, Any], call: Mapping[str, Any]) -> float | None:
    """How good the recorded answer was: the most specific of what call, step and trajectory say; None if silent.

    On one level the scores named `reward` and the judge's score go before a scenario's outcome, and that before a
    plain reward; see `trajectory_reward`. A step's reward of exactly 0 says nothing: steps are rewarded when
    something happens, usually only the last one.
    """
    score = _score(call, "reward")
    if score is None:
        score = _score(step, "reward") or None
    return score if score is not None else trajectory_reward(document)


def trajectory_reward(document: Mapping[str, Any]) -> float | None:
    """How good a trajectory was; None if nobody rewarded it.

    The first of: an annotation's reward, a person's score, a judge's, that of code, the scenario's outcome, the
    total reward. A total of 0 whose components are all 0 is what the reference writes at capture, before any reward.
    """
    if (annotated := _number(annotated_reward(document))) is not None:
        return annotated
    components = document.get("rewardComponents")
    if document.get("totalReward") == 0 and isinstance(components, Mapping) and components:
        document = document if any(components.values()) else {**document, "totalReward": None}
    return _score(document, "totalReward")


def scenario_status(document: Mapping[str, Any]) -> str | None:
    """`passed`, `failed`, `skipped` or what else `metadata.scenario_status` says, in lower case."""
    status = _quality(document, "scenario_status") or _quality(document, "scenarioStatus")
    return status.strip().lower() if isinstance(status, str) else None


def _score(record: Mapping[str, Any], plain_key: str) -> float | None:
    verdict = reward_verdict(record)
    if verdict is not None and verdict.source != "code":
        return verdict.value
    judged = (record.get("aiJudgeReward"), _quality(record, "judge_score"), _quality(record, "judgeScore"))
    for value in judged:
        if (number := _number(value)) is not None:
            return min(max(number, 0.0), 1.0)
    if verdict is not None:
        return verdict.value
    status = scenario_status(record)
    if status in _SCENARIO_REWARDS:
        return _SCENARIO_REWARDS[status]
    plain = _number(record.get(plain_key))
    return plain if plain is not None else _number(_metadata(record).get(plain_key))


def _quality(record: Mapping[str, Any], key: str) -> Any:
    metadata = _metadata(record)
    nested = metadata.get("trajectory_metadata")
    inner = nested.get(key) if isinstance(nested, Mapping) else None
    direct = record.get(key)
    for value in (direct, metadata.get(key), inner):
        if value is not None:
            return value
    return None


def _metadata(record: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = record.get("metadata")
    return metadata if isinstance(metadata, Mapping) else {}


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _correction(call: Mapping[str, Any]) -> tuple[str, Sequence[Any]] | None:
    correction = call.get("correction")
    if isinstance(correction, str):
        correction = {"text": correction}
    if not isinstance(correction, Mapping):
        return None
    text = correction.get("text")
    answer = (text.strip() if isinstance(text, str) else "", _calls(correction.get("toolCalls")))
    return answer if any(answer) else None


def _calls(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
