"""Collecting the calls of one interaction, to be sent as one trajectory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from whetstone.client.scores import ScoreSource, score_object
from whetstone.clock import now_ms
from whetstone.ids import new_id


class TrajectoryRecorder:
    """One interaction of an agent, sent when the `with` block ends: `completed`, or `error` when it raised.

    Further keys of a trajectory (`scenarioId`, `metadata`…) go in as keyword arguments.
    """

    def __init__(
        self, send: Callable[[Mapping[str, Any]], Any], *, agent_id: str, source: str, **fields: Any
    ) -> None:
        self._send = send
        self.id: str = fields.pop("id", None) or new_id("trajectory")
        self._trajectory: dict[str, Any] = {
            "id": self.id,
            "agentId": agent_id,
            "source": source,
            "startTime": now_ms(),
            **fields,
        }
        self._step: dict[str, Any] = {
            "stepId": f"{self.id}-step-0",
            "timestamp": self._trajectory["startTime"],
            "llmCalls": [],
            "providerAccesses": [],
        }

    def llm_call(self, **call: Any) -> str:
        """Note an LLM call (keys of the wire contract: `model`, `systemPrompt`, `response`…); returns its id."""
        call_id: str = call.setdefault("callId", f"{self.id}-call-{len(self._step['llmCalls'])}")
        self._step["llmCalls"].append({"timestamp": now_ms(), **call})
        return call_id

    def provider_access(self, name: str, *, purpose: str, data: Mapping[str, Any], **access: Any) -> None:
        """Note that the agent looked something up."""
        self._step["providerAccesses"].append(
            {"providerName": name, "purpose": purpose, "data": data, "timestamp": now_ms(), **access}
        )

    def reward(self, value: float) -> None:
        """How good the outcome was; 1 is right, 0 is wrong."""
        self._trajectory["totalReward"] = value

    def score(
        self,
        name: str,
        value: float | None = None,
        *,
        label: str | None = None,
        comment: str | None = None,
        source: ScoreSource = "code",
        call_id: str | None = None,
    ) -> None:
        """Judge the interaction, or its call `call_id`, by a number, a class or a remark."""
        score = score_object(name, value, label, comment, source, call_id)
        self._trajectory.setdefault("scores", []).append(score)

    def tag(self, *tags: str) -> None:
        """Add tags."""
        self._trajectory.setdefault("tags", []).extend(tags)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        status = "completed" if error is None else "error"
        self._send({**self._trajectory, "endTime": now_ms(), "status": status, "steps": [self._step]})
