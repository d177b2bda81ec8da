"""Rendering conversations by a model's own chat template, and finding in the text what the assistant said.

Templates differ in what they know (system prompts, tools) and in what they mark. What one does not know is asked of
it once, by rendering a probe; such content is then folded into what it knows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import orjson

from whetstone.finetune.data.messages import (
    Chat,
    folded_calls,
    folded_system,
    merged_turns,
    short_call_ids,
)

Learn = Literal["last", "all"]
Span = tuple[int, int]
Tools = Sequence[Mapping[str, Any]] | None

_MARKERS = re.compile(r"\{%-?\s*generation\s*-?%\}")
_SENTINEL = "\U0010fffd"
# Templates that ask for today would render another text tomorrow: they always get the same day.
_FIXED_DATE = (
    "{% macro strftime_now(format) %}{{ {'%Y-%m-%d': '2026-01-01', '%d %b %Y': '01 Jan 2026'}"
    ".get(format, '01 January 2026') }}{% endmacro %}"
)
_PROBE = "zqprobe"
_USER = {"role": "user", "content": "u"}


class NotRenderableError(Exception):
    """The template cannot show this conversation. The message is a reason for counting, without its content."""


@dataclass(frozen=True, slots=True)
class Text:
    """A rendered conversation and the parts of it (character positions, half open) that are learnt."""

    text: str
    learnt: tuple[Span, ...]


class ChatTemplate:
    """A Jinja chat template. `special` are the texts of special tokens, `names` those a template may use by name."""

    def __init__(self, source: str, names: Mapping[str, str], special: Sequence[str]) -> None:
        self.source = source
        self._names = dict(names)
        self._code = _FIXED_DATE + source if "strftime_now" in source else source
        self._marked = _MARKERS.search(source) is not None
        self.narrowed = 0
        """Conversations so far of which all turns should be learnt, and the template let only the last be found."""
        longest_first = sorted((text for text in special if text), key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def prompt(self, messages: Chat, tools: Tools) -> str:
        """The conversation up to where the assistant's answer begins. Raises NotRenderableError."""
        return self._first(messages, tools, lambda chat, known: self._render(chat, known, True)[0])

    def conversation(self, messages: Chat, tools: Tools, learn: Learn) -> Text:
        """A conversation that ends with the assistant's message. Raises NotRenderableError."""
        return self._first(messages, tools, lambda chat, known: self._with_spans(chat, known, learn))

    @cached_property
    def turn_end(self) -> str | None:
        """The special token that ends an assistant's turn."""
        try:
            text, _ = self._render([_USER, {"role": "assistant", "content": _PROBE}], None, False)
        except NotRenderableError:
            return None
        found = self._special.search(text.rpartition(_PROBE)[2]) if self._special else None
        return found.group() if found else None

    @cached_property
    def knows_system(self) -> bool:
        """Whether a system message shows up in the text."""
        return self._shows([{"role": "system", "content": _PROBE}, _USER])

    @cached_property
    def knows_tools(self) -> bool:
        """Whether offered tools show up in the text."""
        function = {
            "name": _PROBE,
            "description": "d",
            "parameters": {"type": "object", "properties": {"a": {"type": "string", "description": "d"}}},
        }
        return self._shows([_USER], [{"type": "function", "function": function}])

    @cached_property
    def call_arguments(self) -> Literal["object", "text"] | None:
        """How the arguments of tool calls must come: as an object or as JSON text; None where calls do not show."""
        shown = self._probe_calls({_PROBE: "v"})
        as_text = self._probe_calls(f'{{"{_PROBE}": "v"}}')
        if shown is None and as_text is None:
            return None
        # An object that a template merely prints comes out in Python's notation, with single quotes.
        printed = shown is not None and f"'{_PROBE}'" in shown
        return "text" if shown is None or (printed and as_text is not None) else "object"

    def _probe_calls(self, arguments: Any) -> str | None:
        call = {"id": "call00000", "type": "function", "function": {"name": "zqname", "arguments": arguments}}
        chat: Chat = [
            _USER,
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "content": "zqresult", "tool_call_id": "call00000", "name": "zqname"},
        ]
        try:
            text, _ = self._render(chat, None, False)
        except NotRenderableError:
            return None
        return text if all(part in text for part in ("zqname", "zqresult", _PROBE)) else None

    def _shows(self, chat: Chat, tools: Tools = None) -> bool:
        try:
            return _PROBE in self._render(chat, tools, True)[0]
        except NotRenderableError:
            return False

    def _first(self, messages: Chat, tools: Tools, render: Callable[[Chat, Tools], Any]) -> Any:
        """What `render` makes of the conversation in the first form that the template takes."""
        known = tools if tools and self.knows_tools else None
        chat = messages if self.knows_system else folded_system(messages)
        with_calls = any("tool_calls" in message or message["role"] == "tool" for message in chat)
        forms: list[Callable[[], Chat]] = []
        if not with_calls:
            forms.append(lambda: chat)
        elif self.call_arguments is not None:
            shaped = _as_text(chat) if self.call_arguments == "text" else chat
            forms += [
                lambda: shaped,
                lambda: short_call_ids(shaped),
                lambda: merged_turns(short_call_ids(shaped)),
            ]
        first_system = chat[:1] if chat and chat[0]["role"] == "system" else []
        forms += [
            lambda: folded_calls(chat),
            lambda: merged_turns(folded_calls(chat)),
            lambda: merged_turns([*first_system, *folded_system(folded_calls(chat[len(first_system) :]))]),
            lambda: merged_turns(folded_system(folded_calls(chat))),
        ]
        error = NotRenderableError("the chat template does not take it")
        for form in forms:
            try:
                return render(form(), known)
            except NotRenderableError as problem:
                error = problem
        raise error

    def _render(self, chat: Chat, tools: Tools, prompt: bool, track: bool = False) -> tuple[str, list[Span]]:
        from transformers.utils.chat_template_utils import render_jinja_template

        try:
            texts, spans = render_jinja_template(
                [chat],
                tools=list(tools) if tools else None,
                chat_template=self._code,
                add_generation_prompt=prompt,
                return_assistant_tokens_mask=track,
                **self._names,
            )
        except Exception as error:  # a template is a program: it may fail in any way
            raise NotRenderableError("the chat template does not take it") from error
        return texts[0], spans[0] if track else []

    def _with_spans(self, chat: Chat, tools: Tools, learn: Learn) -> Text:
        text, marked = self._render(chat, tools, False, self._marked)
        spans = self._from_markers(text, marked, chat, tools, learn) if marked else None
        if spans is None and learn == "all":
            spans = self._from_prefixes(text, chat, tools)
        if spans is None:
            self.narrowed += learn == "all" and sum(each["role"] == "assistant" for each in chat) > 1
            spans = self._last(text, chat, tools)
        return self._stopping(text, [span for span in spans if span[0] < span[1]])

    def _from_markers(
        self, text: str, marked: Sequence[Span], chat: Chat, tools: Tools, learn: Learn
    ) -> list[Span] | None:
        spans = [self._to_turn_end(text, start, end) for start, end in marked]
        if learn == "all":
            return spans
        before, _ = self._render(chat[:-1], tools, False)
        if text.startswith(before):
            return [span for span in spans if span[1] > len(before)] or None
        return spans[-1:]

    def _to_turn_end(self, text: str, start: int, end: int) -> Span:
        """The span with the end-of-turn token in it, and without what follows that: the model must learn to stop."""
        stop = self.turn_end
        if stop is None:
            return start, end
        if stop in text[start:end]:
            return start, text.rindex(stop, start, end) + len(stop)
        blank = len(text[end:]) - len(text[end:].lstrip())
        return (start, end + blank + len(stop)) if text.startswith(stop, end + blank) else (start, end)

    def _from_prefixes(self, text: str, chat: Chat, tools: Tools) -> list[Span] | None:
        """What each assistant's turn adds to the text before it; None where the template rewrites earlier text."""
        spans = []
        for index, message in enumerate(chat):
            if message["role"] != "assistant":
                continue
            try:
                before, _ = self._render(chat[:index], tools, True)
                after, _ = self._render(chat[: index + 1], tools, False)
            except NotRenderableError:
                return None
            if not (after.startswith(before) and text.startswith(after.rstrip())):
                return None
            spans.append(self._to_turn_end(text, len(before), min(len(after), len(text))))
        return spans

    def _last(self, text: str, chat: Chat, tools: Tools) -> list[Span]:
        before, _ = self._render(chat[:-1], tools, True)
        if text.startswith(before):
            return [self._to_turn_end(text, len(before), len(text))]
        # The template begins an answer otherwise than it shows a past one: see where another answer would differ.
        other, _ = self._render([*chat[:-1], {"role": "assistant", "content": _SENTINEL}], tools, False)
        start = other.find(_SENTINEL)
        if start < 0 or text[:start] != other[:start]:
            raise NotRenderableError("the chat template hides where the answer begins")
        return [self._to_turn_end(text, start, len(text))]

    def _stopping(self, text: str, spans: list[Span]) -> Text:
        """With the end-of-sequence token after the last answer, where the template itself ends turns by none."""
        end = self._names.get("eos_token")
        if self.turn_end is None and end and spans and not text.endswith(end):
            text = text.rstrip() + end
            spans = [*spans[:-1], (spans[-1][0], len(text))]
        return Text(text, tuple(spans))


def _as_text(chat: Chat) -> Chat:
    """With the arguments of tool calls as JSON text."""

    def shaped(call: Mapping[str, Any]) -> dict[str, Any]:
        function = call["function"]
        if isinstance(function["arguments"], str):
            return dict(call)
        return {**call, "function": {**function, "arguments": orjson.dumps(function["arguments"]).decode()}}

    return [
        {**message, "tool_calls": [shaped(call) for call in message["tool_calls"]]}
        if "tool_calls" in message
        else message
        for message in chat
    ]
