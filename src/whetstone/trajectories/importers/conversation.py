"""A chat as the calls that made it: each answer of the assistant is a call that saw everything before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from whetstone.errors import InvalidInputError

Json = dict[str, Any]

_SYSTEM_ROLES = frozenset({"system", "developer"})
# What an assistant's message can say of the call that made it.
_OF_THE_CALL = {
    "reasoning_content": "reasoning",
    "reasoning": "reasoning",
    "finish_reason": "finishReason",
    "weight": "weight",
    "logprobs": "logprobs",
    "refusal": "refusal",
}


def is_message(value: Any) -> bool:
    """Whether `value` is a chat message."""
    return isinstance(value, dict) and isinstance(value.get("role"), str)


def checked_messages(value: Any) -> list[Json]:
    """`value` as chat messages. Raises InvalidInputError."""
    if not isinstance(value, list):
        raise InvalidInputError("messages must be an array")
    for index, message in enumerate(value):
        if not is_message(message):
            raise InvalidInputError(f"messages[{index}] needs a role, such as system, user or assistant")
    return value


def text_of(content: Any) -> str:
    """The text of a message's content: a string, or parts of which some are text."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = (part.get("text") if isinstance(part, dict) else part for part in content)
    return "\n".join(part for part in parts if isinstance(part, str))


def conversation(
    messages: Sequence[Json],
    *,
    tools: Any = None,
    model: str | None = None,
    failed: Callable[[str], bool] = lambda _result: False,
) -> Json:
    """`steps` and event lists of a trajectory in which these messages were said.

    Each assistant's message is a step with one call: its context without the leading system message, which is the
    call's system prompt. Calls of tools and their results are `toolEvents`, what was said after the last answer
    `events`. `failed` tells from a tool's result whether the tool failed.
    """
    builder = _Builder(messages, tools, model, failed)
    for index, message in enumerate(messages):
        builder.take(index, message)
    return builder.finish()


class _Builder:
    def __init__(
        self, messages: Sequence[Json], tools: Any, model: str | None, failed: Callable[[str], bool]
    ) -> None:
        self._messages = messages
        self._shared = {name: value for name, value in (("tools", tools), ("model", model)) if value}
        self._failed = failed
        roles = [message["role"] in _SYSTEM_ROLES for message in messages[:2]]
        self._system = text_of(messages[0].get("content")) if roles[:1] == [True] else ""
        # A second system message would take the place of the first, which therefore stays where it is.
        self._start = 1 if roles[:1] == [True] and roles != [True, True] else 0
        self._user = ""
        self._steps: list[Json] = []
        self._events: list[Json] = []
        self._called: list[Json] = []  # tool calls without a result
        self._rest = self._start

    def take(self, index: int, message: Json) -> None:
        role = message["role"]
        if role == "user":
            self._user = text_of(message.get("content"))
        elif role == "assistant":
            self._answer(index, message)
            self._rest = index + 1
        elif role in {"tool", "function"}:
            self._result(message)

    def finish(self) -> Json:
        said: Json = {"steps": self._steps}
        if self._events:
            said["toolEvents"] = self._events
        if rest := self._messages[self._rest :]:
            said["events"] = [
                {**message, "id": f"message-{number}", "type": "message"}
                for number, message in enumerate(rest, start=self._rest)
            ]
        return said

    def _answer(self, index: int, message: Json) -> None:
        number = len(self._steps)
        step_id = f"step-{number}"
        tool_calls = _tool_calls(message, number)
        call: Json = {
            "callId": f"call-{number}",
            "purpose": "action_planner" if tool_calls else "response",
            "systemPrompt": self._system,
            "userPrompt": self._user,
            "response": text_of(message.get("content")),
            **self._shared,
        }
        # A list of its own: what is stored is not to be changed by the next answer.
        if context := list(self._messages[self._start : index]):
            call["messages"] = context
        if tool_calls:
            call["toolCalls"] = tool_calls
        for name, member in _OF_THE_CALL.items():
            if message.get(name) is not None:
                call[member] = message[name]
        self._steps.append({"stepId": step_id, "stepNumber": number, "llmCalls": [call]})
        for place, tool_call in enumerate(tool_calls):
            self._call_tool(call["callId"], step_id, place, tool_call)

    def _call_tool(self, call_id: str, step_id: str, place: int, tool_call: Json) -> None:
        function = tool_call.get("function")
        function = function if isinstance(function, dict) else tool_call
        event = {
            "id": f"{call_id}-tool-{place}",
            "type": "tool_call",
            "stepId": step_id,
            "callId": call_id,
            "toolCallId": tool_call.get("id"),
            "toolName": function.get("name"),
            "args": parsed(function.get("arguments")),
        }
        self._events.append(event)
        self._called.append(event)

    def _result(self, message: Json) -> None:
        given = message.get("tool_call_id")
        waiting = (called for called in self._called if given is None or called["toolCallId"] == given)
        called = next(waiting, None)
        if called is None:
            return
        self._called.remove(called)
        result = text_of(message.get("content"))
        failed = self._failed(result)
        shared = {name: called[name] for name in ("stepId", "callId", "toolCallId", "toolName")}
        self._events.append(
            {
                "id": f"{called['id']}-result",
                "type": "tool_error" if failed else "tool_result",
                **shared,
                "result": message.get("content"),
                "status": "failed" if failed else "completed",
                "success": not failed,
            }
        )


def parsed(value: Any) -> Any:
    """The JSON value in a text; anything else as it is."""
    if isinstance(value, str):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value


def _tool_calls(message: Mapping[str, Any], number: int) -> list[Json]:
    """The tools that a message calls, also in the older form of one `function_call`."""
    given = message.get("tool_calls")
    if isinstance(given, list):
        return [each for each in given if isinstance(each, dict)]
    function = message.get("function_call")
    return (
        [{"id": f"function-{number}", "type": "function", "function": function}]
        if isinstance(function, dict)
        else []
    )
