"""The forms in which a reflection model is asked to answer, told from the prompt alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_MARKER = re.compile(r"\[\[ ## (\w+) ## \]\]")
_JSON_FIELDS = re.compile(r"JSON object in the following order of fields: (.+)")


@dataclass(frozen=True, slots=True)
class Draft:
    """What the model has to say: whole new instructions, findings in words, and the change line by line."""

    instructions: str
    findings: list[str]
    base: list[str]
    added: list[str]
    removed: list[str]

    @property
    def words(self) -> str:
        """The findings as a paragraph."""
        return " ".join(self.findings) or "The office answers cases; each desk has its own way."


@dataclass(frozen=True, slots=True)
class Voice:
    """`wanted`: drafts that the prompt asks for."""

    say: Callable[[Sequence[Draft]], str]
    wanted: int = 1

    def __call__(self, drafts: Sequence[Draft]) -> str:
        """The answer's text."""
        return self.say(drafts)


def voice(messages: Sequence[dict[str, str]]) -> Voice:
    """How to answer `messages`."""
    last = messages[-1]["content"]
    _, asked, fields = last.rpartition("Respond with the corresponding output fields")
    if asked:
        names = [name for name in _MARKER.findall(fields) if name != "completed"]
        return Voice(lambda drafts: _marked(names, drafts[0]))
    found = _JSON_FIELDS.search(last)
    if found:
        names = re.findall(r"`(\w+)`", found[1])
        return Voice(lambda drafts: json.dumps({name: _field(name, drafts[0]) for name in names}))
    return Voice(lambda drafts: f"{drafts[0].words}\n```\n{drafts[0].instructions}\n```")


def _marked(names: Sequence[str], draft: Draft) -> str:
    parts = [f"[[ ## {name} ## ]]\n{_field(name, draft)}\n" for name in names]
    return "\n".join([*parts, "[[ ## completed ## ]]"])


def _field(name: str, draft: Draft) -> str:
    return draft.instructions if "instruction" in name else draft.words


def in_form(question: str, reply: str) -> str:
    """A task model's reply in the form that the question asks for."""
    _, asked, fields = question.rpartition("Respond with the corresponding output fields")
    if not asked:
        return reply
    names = [name for name in _MARKER.findall(fields) if name != "completed"]
    return "\n".join([*(f"[[ ## {name} ## ]]\n{reply}\n" for name in names[-1:]), "[[ ## completed ## ]]"])


def out_of_form(text: str) -> str:
    """The reply in an answer of `in_form`."""
    parts = _MARKER.split(text)
    return parts[2].strip() if len(parts) > 2 else text
