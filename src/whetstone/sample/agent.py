"""Fern, the sample agent: decides whether to respond, plans an action, writes a response.

It really runs: each decision is a call of the configured language model. It is deliberately plain, as a first
version of an agent is: short prompts and no examples.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from whetstone.client import TrajectoryRecorder
from whetstone.lm.client import LMClient
from whetstone.lm.types import ChatRequest, ChatResponse
from whetstone.sample.messages import Message

AGENT_ID = "fern"

SHOULD_RESPOND_PROMPT = (
    "You guard the shared chat of a plant shop. Fern is the support agent in it. Answer with JSON: "
    '{"action":"RESPOND"} when a message asks Fern for help, {"action":"IGNORE"} when people talk to each other, '
    '{"action":"STOP"} when Fern should be quiet.'
)
ACTION_PLANNER_PROMPT = (
    "You plan what the support agent Fern does next. Answer with JSON: "
    '{"action":"<name>","parameters":{...}}. Actions: TRACK_ORDER(orderId), START_RETURN(orderId), '
    "CANCEL_ORDER(orderId), CHANGE_ADDRESS(orderId), PLANT_CARE(plant), SHOP_INFO(topic), HANDOFF(), NONE()."
)
RESPONSE_PROMPT = "You are Fern, the friendly support agent of a plant shop. Reply in one short sentence."


@dataclass(frozen=True)
class _Purpose:
    name: str
    system: str
    max_tokens: int


_SHOULD_RESPOND = _Purpose("should_respond", SHOULD_RESPOND_PROMPT, 12)
_ACTION_PLANNER = _Purpose("action_planner", ACTION_PLANNER_PROMPT, 32)
_RESPONSE = _Purpose("response", RESPONSE_PROMPT, 40)


class SampleAgent:
    """Handles one message at a time and notes every call in a trajectory recorder."""

    def __init__(self, model: LMClient) -> None:
        self._model = model

    async def handle(self, message: Message, recorder: TrajectoryRecorder) -> list[dict[str, Any]]:
        """Run the agent on `message`; returns the corrections `{"callId", "correction"}` that a supervisor makes.

        The reward is the share of right decisions.
        """
        user_text = f"{message.sender}: {message.text}"
        recorder.provider_access(
            "RECENT_MESSAGES", purpose="context", data={"room": "plant-shop", "messages": [user_text]}
        )
        corrections: list[dict[str, Any]] = []

        async def ask(purpose: _Purpose, right_answer: str | None) -> str:
            answer = await self._ask(purpose, user_text)
            call_id = _note(recorder, purpose, user_text, answer)
            if right_answer is not None:
                corrections.append({"callId": call_id, "correction": right_answer})
            return answer.text

        decision = await ask(_SHOULD_RESPOND, _compact({"action": message.decision}))
        rights = [_action(decision) == message.decision]
        if _wants_to_answer(decision, message):
            plan = await ask(
                _ACTION_PLANNER, _compact({"action": message.action, "parameters": message.parameters})
            )
            rights.append(_action(plan) == message.action)
            await ask(_RESPONSE, message.response)
        recorder.reward(sum(rights) / len(rights))
        return corrections

    async def _ask(self, purpose: _Purpose, user_text: str) -> ChatResponse:
        return await self._model.complete(
            ChatRequest(
                messages=(
                    {"role": "system", "content": purpose.system},
                    {"role": "user", "content": user_text},
                ),
                max_tokens=purpose.max_tokens,
            )
        )


def _note(recorder: TrajectoryRecorder, purpose: _Purpose, user_text: str, answer: ChatResponse) -> str:
    return recorder.llm_call(
        model=answer.model,
        systemPrompt=purpose.system,
        userPrompt=user_text,
        response=answer.text,
        purpose=purpose.name,
        temperature=0.0,
        maxTokens=purpose.max_tokens,
        latencyMs=answer.latency_ms,
        promptTokens=answer.usage.prompt_tokens,
        completionTokens=answer.usage.completion_tokens,
        finishReason=answer.finish_reason,
    )


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _action(text: str) -> str | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value.get("action") if isinstance(value, dict) else None


def _wants_to_answer(decision: str, message: Message) -> bool:
    """The agent's own decision; where it cannot be read, being called by name decides."""
    action = _action(decision)
    return action == "RESPOND" if action else "fern" in message.text.lower()
