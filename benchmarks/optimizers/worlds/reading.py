"""What the scripted models see in a text: rules, marks, the trap's line, solved cases, instructions.

Nothing here knows an engine. A rule is read wherever its desk and its procedure stand in one clause, whether the text calls it
an instruction, feedback, a hypothesis or a summary.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.optimizers.worlds.office import MARK, OPENING, TRAP, World
from benchmarks.optimizers.worlds.words import LABELS, MANNERS, ORDINALS

_PROCEDURE = rf"the (?:{'|'.join(ORDINALS)}) word (?:{'|'.join(MANNERS)})|the word (?:{'|'.join(LABELS)})"
_RULE = re.compile(rf"\b(the \w+ desk(?: with a seal)?)\b(?! with a seal)[^\n:.]{{0,40}}?({_PROCEDURE})")
_CASE = re.compile(r"Case (Q\d{4}) of ")
_LINE = re.compile(r"[\s>|]*(?:[-*•]|\d+[.)])\s+\S")


@dataclass(frozen=True, slots=True)
class Features:
    """What instructions and solved cases tell the task model. `rules`: by cue, the last one said of it."""

    rules: dict[str, str]
    lines: int
    marked: bool
    trapped: bool
    shown: tuple[str, ...]
    marks_shown: int
    fingerprint: str


def rules_in(text: str) -> list[tuple[str, str]]:
    """Every (cue, procedure) that `text` says, in order."""
    return _RULE.findall(text)


def cases_in(text: str, world: World) -> list[tuple[str, str]]:
    """Every case in `text` with what follows it, up to the next one."""
    found = list(_CASE.finditer(text))
    ends = [*(match.start() for match in found), len(text)][1:]
    cases = []
    for match, end in zip(found, ends, strict=True):
        row = world.rows.get(match[1])
        if row is not None:
            cases.append((row.id, text[match.start() + len(row.text) : end]))
    return cases


def solved_in(text: str, world: World) -> list[str]:
    """Ids of the cases that stand in `text` with their right reply."""
    return [
        identifier
        for identifier, rest in cases_in(text, world)
        if re.search(rf"(?<!\w){re.escape(world.rows[identifier].gold)}(?!\w)", rest)
    ]


def features(prompt: str, world: World) -> Features:
    """What the part of a prompt before the question tells."""
    stated = rules_in(prompt)
    shown = tuple(dict.fromkeys(solved_in(prompt, world)))
    lines = len(set(instruction_lines(prompt)))
    trapped, marked = TRAP[2:] in prompt, f"mark '{MARK}'" in prompt
    return Features(
        rules=dict(stated),
        lines=lines,
        marked=marked,
        trapped=trapped,
        shown=shown,
        marks_shown=sum(MARK in rest for _, rest in cases_in(prompt, world)),
        fingerprint=f"{stated} {shown} {lines} {marked} {trapped}",
    )


def instruction_lines(text: str) -> list[str]:
    """The list items of a text."""
    return [line.strip() for line in text.split("\n") if _LINE.match(line)]


def passages(text: str) -> list[tuple[int, list[str]]]:
    """Every set of instructions in `text`: where it starts, and its lines after the opening sentence."""
    found = []
    for match in re.finditer(re.escape(OPENING), text):
        lines = []
        for line in text[match.end() :].split("\n")[1:]:
            if not _LINE.match(line):
                break
            lines.append("- " + re.sub(r"^[\s>|]*(?:[-*•]|\d+[.)])\s+", "", line).strip())
        found.append((match.start(), lines))
    return found


def plain(messages: Sequence[dict[str, str]]) -> str:
    """Messages as one text; line breaks that JSON escaped are line breaks again."""
    return "\n\n".join(message["content"] for message in messages).replace("\\n", "\n")
