"""The forms in which a reflection model is asked to answer, told from the prompt alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_MARKER = re.compile(r"\[\[ ## (\w+) ## \]\]")
_TAGS = re.compile(r"<(\w+)>")
_JSON_FIELDS = re.compile(r"JSON object in the following order of fields: (.+)")


@dataclass(frozen=True, slots=True)
class Draft:
    """What the model has to say: whole new instructions, and findings in words."""

    instructions: str
    findings: list[str]

    @property
    def words(self) -> str:
        """The findings as a paragraph."""
        return " ".join(self.findings) or "The office answers cases; each desk has its own way."


Voice = Callable[[Draft], str]


def voice(messages: Sequence[dict[str, str]]) -> Voice:
    """How to answer `messages`: in marked fields, JSON, tags or a block, whichever they name, else in plain words."""
    last = messages[-1]["content"]
    _, asked, fields = last.rpartition("Respond with the corresponding output fields")
    if asked:
        names = [name for name in _MARKER.findall(fields) if name != "completed"]
        return lambda draft: _marked(names, draft)
    found = _JSON_FIELDS.search(last)
    if found:
        names = re.findall(r"`(\w+)`", found[1])
        return lambda draft: json.dumps({name: _field(name, draft) for name in names})
    tags = [tag for tag in dict.fromkeys(_TAGS.findall(last)) if f"</{tag}>" in last]
    if tags:
        return lambda draft: "\n".join(f"<{tag}>{_field(tag, draft)}</{tag}>" for tag in tags)
    if "```" in last:
        return lambda draft: f"{draft.words}\n```\n{draft.instructions}\n```"
    return lambda draft: draft.words


def _marked(names: Sequence[str], draft: Draft) -> str:
    parts = [f"[[ ## {name} ## ]]\n{_field(name, draft)}\n" for name in names]
    return "\n".join([*parts, "[[ ## completed ## ]]"])


def _field(name: str, draft: Draft) -> str:
    return draft.instructions if "instruction" in name or "prompt" in name else draft.words


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
