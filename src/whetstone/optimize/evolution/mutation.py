"""Reflection: what the model is shown of a candidate's failures, and what is made of its answer."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from whetstone.lm.types import ChatRequest
from whetstone.optimize.engine.evaluation import RowResult
from whetstone.optimize.engine.guards import placeholders
from whetstone.optimize.engine.program import Candidate
from whetstone.optimize.engine.reflection import parse_text, reflection_request, show_example, trim
from whetstone.optimize.engine.tokens import CHARACTERS_PER_TOKEN
from whetstone.optimize.evolution.components import describe
from whetstone.optimize.rows.examples import Example

_ROW_CHARACTERS = 2400
_FEWEST_ROW_CHARACTERS = 240
_FIXED_CHARACTERS = 2400
_OTHER, _MOST_OTHERS = 400, 6
_HYPOTHESIS_CHARACTERS = 400
_ANSWER_TOKENS, _MOST_ANSWER_TOKENS = 1024, 4096
_HYPOTHESIS = re.compile(r"^[\s*#>_-]*hypothesis[\s*_]*:[\s*_]*(.+?)\s*$", re.IGNORECASE | re.MULTILINE)
_TAGGED = re.compile(r"<hypothesis>\s*(.+?)\s*</hypothesis>", re.IGNORECASE | re.DOTALL)
_FENCE = re.compile(r"^[ \t]*```", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the model is shown: rows that fail (those that an edit is judged by come first) and rows that succeed.

    `results` are the candidate's answers to them, by row id. `refuted`: hypotheses that did not hold, `hints`: those that
    helped another version of the text.
    """

    failures: Sequence[Example]
    successes: Sequence[Example]
    results: Mapping[str, RowResult]
    refuted: Sequence[str] = ()
    hints: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """A proposed text and the reason given for it."""

    hypothesis: str
    text: str


def answer_tokens(text: str, room: int) -> int:
    """Room for an answer that contains a text about as long as `text`, twice."""
    wanted = int(2 * len(text) / CHARACTERS_PER_TOKEN) + _ANSWER_TOKENS // 2
    return max(256, min(max(wanted, _ANSWER_TOKENS), _MOST_ANSWER_TOKENS, room // 3))


def reflection(
    goal: str,
    candidate: Candidate,
    component: str,
    evidence: Evidence,
    *,
    room: int,
    limit: int,
    repeat: int,
) -> ChatRequest:
    """The question for a better text of `component`.

    `room` are the tokens of the whole request, `limit` those that the guard allows a candidate.
    """
    current = candidate.texts()[component]
    answer = answer_tokens(current, room)
    beside = _OTHER * min(len(candidate.components), _MOST_OTHERS)
    left = int((room - answer) * CHARACTERS_PER_TOKEN) - _FIXED_CHARACTERS - len(current) - beside
    failures, successes = _within(evidence, left)
    rows = max(len(failures) + len(successes), 1)
    size = max(min(left // rows, _ROW_CHARACTERS), _FEWEST_ROW_CHARACTERS)
    parts = [
        f"You improve {describe(component)}. {goal}".strip(),
        f"The current text:\n```\n{current}\n```",
        *_beside(candidate, component),
        "With this text the agent fails on these inputs:\n\n"
        + _listed("Failure", failures, evidence.results, size),
    ]
    if successes:
        shown = _listed("Success", successes, evidence.results, size)
        parts.append(f"It succeeds on these, which the new text must not break:\n\n{shown}")
    if evidence.refuted:
        tried = "\n".join(f"- {hypothesis}" for hypothesis in evidence.refuted)
        parts.append(f"These hypotheses were tried on the current text and did not hold:\n{tried}")
    if evidence.hints:
        helped = "\n".join(f"- {hypothesis}" for hypothesis in evidence.hints)
        parts.append(
            f"These hypotheses helped another version of the text; make use of them if they fit:\n{helped}"
        )
    characters = int((limit - candidate.tokens()) * CHARACTERS_PER_TOKEN) + len(current)
    parts.append(_task(current, characters))
    return reflection_request("\n\n".join(parts), answer_tokens=answer, repeat=repeat)


def rules(texts: Sequence[str]) -> str:
    """What every proposal must keep to, in words for the model."""
    kept = sorted({name for text in texts for name in placeholders(text).elements()})
    lines = [
        "- Write rules that hold for inputs of the same kind; do not quote the inputs shown, and name no person.",
        "- Be explicit about the facts, the definitions and the output format that the feedback reveals.",
    ]
    if kept:
        lines.append(f"- Keep these placeholders exactly, each as often as now: {', '.join(kept)}")
    return "\n".join(lines)


def parse(answer: str | None) -> Draft | None:
    """What an answer proposes; None when there is no text in it."""
    if answer is None:
        return None
    found = _TAGGED.search(answer) or _HYPOTHESIS.search(answer)
    rest = answer if found is None else answer[: found.start()] + answer[found.end() :]
    text = parse_text(rest)
    if text is None:
        return None
    before = _FENCE.split(rest, maxsplit=1)
    said = found.group(1) if found else (before[0] if len(before) > 1 else "")
    return Draft(trim(" ".join(said.strip("*_ \n").split()), _HYPOTHESIS_CHARACTERS), text)


def _beside(candidate: Candidate, component: str) -> list[str]:
    """The agent's other texts, in short."""
    others = [(name, text) for name, text in candidate.texts().items() if name != component]
    if not others:
        return []
    shown = "\n\n".join(f"{describe(name)}:\n{trim(text, _OTHER)}" for name, text in others[:_MOST_OTHERS])
    return [f"Other texts of the same agent, which stay as they are:\n\n{shown}"]


def _task(current: str, characters: int) -> str:
    return (
        "Find out what the failures have in common and why the current text leads to them. State one hypothesis: "
        "which change of the text makes the agent succeed on such inputs. Then write the whole new text with that "
        "change; keep everything that works.\n"
        f"{rules([current])}\n- Write no more than {max(characters, len(current))} characters.\n\n"
        "Answer in this form:\nHypothesis: <one or two sentences>\n```\n<the whole new text>\n```"
    )


def _within(evidence: Evidence, characters: int) -> tuple[list[Example], list[Example]]:
    """As many rows as can be shown at their shortest; failures before successes, but one success if there is one."""
    most = max(2, characters // _FEWEST_ROW_CHARACTERS)
    successes = list(evidence.successes[: max(1, most - len(evidence.failures))])
    return list(evidence.failures[: most - len(successes)]), successes


def _listed(kind: str, rows: Sequence[Example], results: Mapping[str, RowResult], characters: int) -> str:
    """Rows one after the other, those of one label together."""
    groups: dict[str | None, list[Example]] = defaultdict(list)
    for row in rows:
        groups[row.label].append(row)
    lines: list[str] = []
    for row in (row for group in groups.values() for row in group):
        kindred = "" if row.label is None or len(groups) == 1 else f" (of kind {row.label})"
        shown = show_example(row, results.get(row.id), characters)
        lines.append(f"{kind} {len(lines) + 1}{kindred}\n{shown}")
    return "\n\n".join(lines)
