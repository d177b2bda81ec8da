"""The scripted reflection model: writes new instructions from what its prompt shows.

Fairness. It has one ability for all engines and knows none of them:

* Evidence is whatever rule the prompt's text says outside the instructions that are to be improved (feedback, an engine's own
  digest, earlier attempts), and, at `_GUESS`, what can be guessed from a case that stands there with its right reply.
* It takes up little at once: the most frequent evidence first, each further rule with a falling chance (`_UPTAKE`). Showing it
  more failures, other attempts or better chosen ones helps within that, which is an engine's own merit.
* It keeps the lines of the instructions that it is shown, forgets one now and then, misreads some, and sometimes adds an
  empty phrase. Lines that it is not shown, or is asked to leave behind ("from scratch"), it does not write.
* Other instructions that stand in the prompt (earlier attempts, a text to combine with) are evidence like any other: there is no
  word that makes it take up more of them.
* How it is asked decides the form of its answer (see `voices`), never what is in it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from benchmarks.optimizers.worlds.office import MARK, MARK_LINE, OPENING, TRAP, World
from benchmarks.optimizers.worlds.reading import passages, plain, rules_in, solved_in
from benchmarks.optimizers.worlds.voices import Draft, voice
from benchmarks.optimizers.worlds.words import PROCEDURES, generator

_UPTAKE = (0.8, 0.5, 0.3, 0.15, 0.08)
_GUESS = 0.3
_FORGETS = 0.03
_MISREADS = 0.06
_DROPS_TRAP = 0.004
_PATTERN = 3
"""Replies with the mark that show it to be the rule."""
_CHATTERS = 0.2
_CHATTER = (
    "- Be brief and polite.",
    "- Read the case carefully before you reply.",
    "- Do not explain the reply.",
    "- Think of what the office would want.",
    "- Keep the tone of the house.",
)
_FRESH = re.compile(
    r"from scratch|start over|start afresh|start anew|ignore the (?:current|existing|present)", re.I
)
_CURRENT = re.compile(r"current|improve|baseline|present|following instructions|basic", re.I)


@dataclass(frozen=True, slots=True)
class _Evidence:
    """Lines that could be added, the commonest first."""

    rules: tuple[tuple[str, str], ...]
    mark: bool


class ReflectionModel:
    """Writes for a world. Asked the same again, it writes something else, as a model above temperature 0."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._asked: Counter[str] = Counter()

    def write(self, messages: Sequence[dict[str, str]]) -> str:
        """The answer to a proposer's prompt, in the form that it asks for."""
        text = plain(messages)
        self._asked[text] += 1
        rng = generator(self._world.seed, "reflection", text, self._asked[text])
        speak = voice(messages)
        return speak(self._draft(text, rng))

    def _draft(self, text: str, rng: Random) -> Draft:
        base = [] if _FRESH.search(text) else _base(text)
        evidence = self._evidence(text, base, rng)
        kept = [line for line in base if rng.random() >= (_DROPS_TRAP if line == TRAP else _FORGETS)]
        added = self._take_up(evidence, kept, rng)
        lines = _merged(kept, added)
        if rng.random() < _CHATTERS:
            lines.append(rng.choice(_CHATTER))
        findings = [f"A case of {cue} takes {rule}." for cue, rule in evidence.rules[:3]]
        return Draft("\n".join([OPENING, *lines]), findings)

    def _evidence(self, text: str, base: list[str], rng: Random) -> _Evidence:
        stated = set(rules_in("\n".join(base)))
        said = Counter(rules_in(text))
        for rule in stated:
            said[rule] -= 1  # the instructions themselves are no evidence
        for identifier in solved_in(text, self._world):
            row = self._world.rows[identifier]
            if row.solvable and rng.random() < _GUESS:
                said[row.kind.cue, row.kind.rule] += 1
        wanted = [rule for rule, times in said.items() if times > 0 and rule not in stated]
        wanted.sort(key=lambda rule: said[rule] * (0.5 + rng.random()), reverse=True)
        mark = (f"mark '{MARK}'" in text or text.count(MARK) >= _PATTERN) and MARK_LINE not in base
        return _Evidence(tuple(wanted), mark)

    def _take_up(self, evidence: _Evidence, kept: list[str], rng: Random) -> list[str]:
        added = []
        chances = list(_UPTAKE)
        if evidence.mark and MARK_LINE not in kept and rng.random() < chances.pop(0):
            added.append(MARK_LINE)
        for (cue, rule), likely in zip(evidence.rules, chances, strict=False):
            if rng.random() < likely:
                read = rng.choice(PROCEDURES) if rng.random() < _MISREADS else rule
                added.append(f"- For {cue}, reply with {read}.")
        return added


def _base(text: str) -> list[str]:
    """The lines of the instructions to improve: those that the text calls so, else the first."""
    found = passages(text)
    if not found:
        return []
    return next(
        (lines for start, lines in found if _CURRENT.search(text[max(0, start - 200) : start])), found[0][1]
    )


def _merged(kept: list[str], added: list[str]) -> list[str]:
    """A new line on a cue replaces the old one."""
    renewed = {cue for line in added for cue, _ in rules_in(line)}
    return [line for line in kept if not any(cue in renewed for cue, _ in rules_in(line))] + added
