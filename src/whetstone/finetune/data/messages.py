"""Messages, tool calls and tools of rows, whatever client recorded them, in the form that chat templates know.

That is OpenAI's form with one difference: the arguments of a tool call are an object, not JSON text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from whetstone.datasets.expected import answer_text
from whetstone.lm.types import content_text

Chat = list[dict[str, Any]]

_ROLES = {"model": "assistant", "developer": "system", "function": "tool", "human": "user"}
_ARGUMENT_KEYS = ("arguments", "args", "input", "parameters")
_SCHEMA_KEYS = ("parameters", "inputSchema", "input_schema", "schema", "jsonSchema")


def normal_chat(messages: Iterable[Mapping[str, Any]]) -> Chat:
    """The messages with text contents, known roles and tool calls in one form."""
    return [normal for message in messages for normal in _normal(message)]


def request_chat(request: Mapping[str, Any]) -> Chat:
    """What a row's request (contract §10.3) asks: its messages or prompt, the system prompt first."""
    given = request.get("messages")
    if isinstance(given, list) and given:
        chat = normal_chat(item for item in given if isinstance(item, Mapping))
    else:
        chat = [{"role": "user", "content": content_text(request.get("prompt"))}]
    system = content_text(request.get("system"))
    if system and not (chat and chat[0]["role"] == "system"):
        chat.insert(0, {"role": "system", "content": system})
    return chat


def answer_message(answer: Mapping[str, Any]) -> dict[str, Any]:
    """A row's answer, `{"text", "toolCalls"?}`, as the assistant's message."""
    message: dict[str, Any] = {"role": "assistant", "content": content_text(answer.get("text"))}
    calls = normal_calls(answer.get("toolCalls"))
    return {**message, "tool_calls": calls} if calls else message


def normal_calls(calls: Any) -> list[dict[str, Any]]:
    """Tool calls in OpenAI's form, flat (`name`), or as the Vercel AI SDK writes them (`toolName`, `args`, `input`)."""
    if not isinstance(calls, Sequence) or isinstance(calls, str):
        return []
    return [made for index, call in enumerate(calls) if (made := _call(call, index)) is not None]


def normal_tools(tools: Any) -> list[dict[str, Any]] | None:
    """Tools as OpenAI's function schemas, from a list or from a mapping by name; None without any."""
    if isinstance(tools, Mapping):
        tools = [{**value, "name": name} for name, value in tools.items() if isinstance(value, Mapping)]
    if not isinstance(tools, Sequence) or isinstance(tools, str):
        return None
    return [made for tool in tools if (made := _tool(tool)) is not None] or None


def folded_system(chat: Sequence[Mapping[str, Any]]) -> Chat:
    """The chat without system messages: each text goes in front of the next user message."""
    folded: Chat = []
    waiting: list[str] = []
    for message in chat:
        if message["role"] == "system":
            waiting.append(message["content"])
        elif message["role"] == "user" and waiting:
            folded.append({**message, "content": _joined([*waiting, message["content"]])})
            waiting = []
        else:
            folded.append(dict(message))
    return [*folded, {"role": "user", "content": _joined(waiting)}] if waiting else folded


def folded_calls(chat: Sequence[Mapping[str, Any]]) -> Chat:
    """The chat without tool calls: they become JSON text as in `answer_text`, and results become user messages."""
    folded: Chat = []
    for message in chat:
        if message["role"] == "tool":
            folded.append({"role": "user", "content": message["content"]})
        elif calls := message.get("tool_calls"):
            plain = [
                {"name": call["function"]["name"], "arguments": call["function"]["arguments"]}
                for call in calls
            ]
            rest = {key: value for key, value in message.items() if key != "tool_calls"}
            folded.append({**rest, "content": answer_text(message["content"], plain)})
        else:
            folded.append(dict(message))
    return folded


def merged_turns(chat: Sequence[Mapping[str, Any]]) -> Chat:
    """The chat with neighbouring messages of one role (and no tool calls) made one: strict templates alternate."""
    merged: Chat = []
    for message in chat:
        last = merged[-1] if merged else None
        if last is not None and last["role"] == message["role"] and message["role"] in ("user", "system"):
            last["content"] = _joined([last["content"], message["content"]])
        else:
            merged.append(dict(message))
    return merged


def short_call_ids(chat: Sequence[Mapping[str, Any]]) -> Chat:
    """The chat with call ids of nine letters and digits, which Mistral's templates insist on."""
    names: dict[str, str] = {}

    def short(name: Any) -> str:
        return names.setdefault(str(name), f"call{len(names):05d}")

    renamed: Chat = []
    for message in chat:
        copy = dict(message)
        if calls := copy.get("tool_calls"):
            copy["tool_calls"] = [{**call, "id": short(call["id"])} for call in calls]
        if "tool_call_id" in copy:
            copy["tool_call_id"] = short(copy["tool_call_id"])
        renamed.append(copy)
    return renamed


def _normal(message: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    role = str(message.get("role"))
    role = _ROLES.get(role, role)
    content = message.get("content")
    parts = [part for part in content if isinstance(part, Mapping)] if isinstance(content, list) else []
    results = [part for part in parts if part.get("type") == "tool-result"]
    if results:
        return [_result(part) for part in results]
    normal: dict[str, Any] = {"role": role, "content": _text(content)}
    calls = message.get("tool_calls") or message.get("toolCalls")
    calls = normal_calls(calls or [part for part in parts if part.get("type") == "tool-call"])
    if calls and role == "assistant":
        normal["tool_calls"] = calls
    for key, names in (("name", ("name",)), ("tool_call_id", ("tool_call_id", "toolCallId"))):
        found = next((message[name] for name in names if isinstance(message.get(name), str)), None)
        if found is not None:
            normal[key] = found
    if isinstance(message.get("reasoning_content"), str):
        normal["reasoning_content"] = message["reasoning_content"]
    return [normal]


def _result(part: Mapping[str, Any]) -> dict[str, Any]:
    output = part.get("output", part.get("result"))
    if isinstance(output, Mapping) and "value" in output:
        output = output["value"]
    normal = {"role": "tool", "content": _text(output)}
    for key, name in (("name", "toolName"), ("tool_call_id", "toolCallId")):
        if isinstance(part.get(name), str):
            normal[key] = part[name]
    return normal


def _text(content: Any) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    text = content_text(content)
    whole = isinstance(content, list) and all(
        isinstance(part, Mapping) and "type" in part for part in content
    )
    # A tool's result may be any JSON.
    return text if text or whole else orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS).decode()


def _call(call: Any, index: int) -> dict[str, Any] | None:
    if not isinstance(call, Mapping):
        return None
    inner = call.get("function")
    body = inner if isinstance(inner, Mapping) else call
    name = body.get("name") or body.get("toolName") or body.get("tool")
    if not isinstance(name, str) or not name:
        return None
    arguments: Any = next((body[key] for key in _ARGUMENT_KEYS if body.get(key) is not None), {})
    identifier = call.get("id") or call.get("toolCallId") or f"call{index:05d}"
    function = {"name": name, "arguments": _object(arguments)}
    return {"id": str(identifier), "type": "function", "function": function}


def _object(arguments: Any) -> Any:
    """Arguments as an object where they are one; text that is no JSON object stays as it is."""
    if not isinstance(arguments, str):
        return arguments
    try:
        value = orjson.loads(arguments or "{}")
    except orjson.JSONDecodeError:
        return arguments
    return value if isinstance(value, dict) else arguments


def _tool(tool: Any) -> dict[str, Any] | None:
    if not isinstance(tool, Mapping):
        return None
    inner = tool.get("function")
    body = inner if isinstance(inner, Mapping) else tool
    name = body.get("name") or body.get("toolName")
    if not isinstance(name, str) or not name:
        return None
    schema = next((body[key] for key in _SCHEMA_KEYS if isinstance(body.get(key), Mapping)), None)
    if schema is not None and isinstance(schema.get("jsonSchema"), Mapping):
        schema = schema["jsonSchema"]
    function = {
        "name": name,
        "description": content_text(body.get("description")),
        "parameters": schema or {"type": "object", "properties": {}},
    }
    return {"type": "function", "function": function}


def _joined(texts: Iterable[str]) -> str:
    return "\n\n".join(text for text in texts if text)
