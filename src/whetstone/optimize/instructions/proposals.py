"""Waves of grounded proposals: better instructions, asked of the reflection model all at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from whetstone.optimize.engine.guards import placeholders
from whetstone.optimize.engine.program import PROMPT
from whetstone.optimize.engine.randomness import derived
from whetstone.optimize.engine.reflection import parse_tag, parse_text, reflection_request, trim
from whetstone.optimize.engine.tokens import estimate_tokens
from whetstone.optimize.instructions.grounding import Answered, Material, room_tokens
from whetstone.optimize.instructions.request import Attempt, compose, repeats_question
from whetstone.optimize.instructions.space import Instruction
from whetstone.optimize.instructions.tips import Tip, draw
from whetstone.optimize.optimizer import SearchContext

_FAILURES = 5
_SOLVED = 2
_LONGEST_HYPOTHESIS = 300
_ANSWER_TOKENS = (1024, 4096)
_WAVES_SHARE = 1 / 6
"""Of the tokens that are left, for one wave."""
_FEWEST_WORDS = 40
_LEAST_VARIETY = 0.2


@dataclass(frozen=True, slots=True)
class _Asked:
    """One request: its text, tip, and the failures that it shows."""

    text: str
    tip: Tip
    failures: tuple[Answered, ...]


class Proposals:
    """Makes instructions for one search. `summary` says what the data is like."""

    def __init__(self, context: SearchContext, summary: str) -> None:
        self.rejected: Counter[str] = Counter()
        self._context = context
        self._summary = summary
        self._seen = {_normal(context.start.prompt)}

    async def wave(
        self, number: int, count: int, material: Material, attempts: Sequence[Attempt]
    ) -> list[Instruction]:
        """Up to `count` new instructions built on those of `material.candidate`. `attempts` are earlier ones with their
        scores; the log says how many answers were of use and why others were not."""
        context = self._context
        rng = derived(context.spec.seed, context.name(f"wave-{number}"), "tips")
        tips = draw(count, rng, failures=bool(material.failures), attempts=len(attempts) > 2)
        asked = [self._request(number, place, tip, material, attempts) for place, tip in enumerate(tips)]
        answer_tokens = self._answer_tokens(material.candidate.prompt)
        asked = asked[: self._affordable([each.text for each in asked], answer_tokens)]
        answers = await context.proposer.ask(
            context.name(f"wave-{number}"),
            [
                reflection_request(each.text, answer_tokens=answer_tokens, repeat=place)
                for place, each in enumerate(asked)
            ],
        )
        found: list[Instruction] = []
        reasons: Counter[str] = Counter()
        for each, answer in zip(asked, answers, strict=True):
            made = await self._read(number, each, answer)
            if isinstance(made, str):
                reasons[made] += 1
            else:
                found.append(made)
        self._tell(number, len(asked), len(found), reasons)
        return found

    def _request(
        self, number: int, place: int, tip: Tip, material: Material, attempts: Sequence[Attempt]
    ) -> _Asked:
        context = self._context
        rng = derived(context.spec.seed, context.name(f"wave-{number}"), f"rows-{place}")
        failures, solved = material.drawn(rng, _FAILURES, _SOLVED if material.failures else 2 * _SOLVED)
        prompt = material.candidate.prompt
        text = compose(
            goal=context.goal,
            summary=self._summary,
            prompt=prompt,
            keep=sorted(placeholders(prompt).elements()),
            failures=failures,
            solved=solved,
            attempts=attempts,
            advice=tip.advice,
            tokens=room_tokens(context) - self._answer_tokens(prompt),
        )
        return _Asked(text, tip, tuple(failures))

    def _affordable(self, texts: Sequence[str], answer_tokens: int) -> int:
        """How many of the requests stay within a wave's share of the tokens that are left; one in any case."""
        limit = self._context.ledger.limits.max_tokens
        if limit is None:
            return len(texts)
        left = (limit - self._context.ledger.tokens()) * _WAVES_SHARE
        costs = accumulate(
            estimate_tokens([{"role": "user", "content": text}]) + answer_tokens for text in texts
        )
        return max(1, sum(cost <= left for cost in costs))

    def _answer_tokens(self, prompt: str) -> int:
        """Room for an answer: twice the present prompt and some thoughts."""
        least, most = _ANSWER_TOKENS
        wanted = least + 2 * estimate_tokens([{"role": "system", "content": prompt}])
        return min(wanted, most, room_tokens(self._context) // 3)

    async def _read(self, number: int, asked: _Asked, answer: str | None) -> Instruction | str:
        """The instruction in an answer, or why there is none."""
        if answer is None:
            return "no answer"
        text = parse_text(answer)
        if text is None:
            return "no instruction in the answer"
        if (problem := self._useless(text, asked)) is not None:
            return problem
        start = self._context.start
        if (problem := await self._context.problem(start.with_text(PROMPT, text), start)) is not None:
            return problem
        self._seen.add(_normal(text))
        said = parse_tag(answer, "hypothesis")
        hypothesis = (
            asked.tip.hypothesis if said is None else trim(" ".join(said.split()), _LONGEST_HYPOTHESIS)
        )
        evidence = tuple(row for row, _ in asked.failures)
        return Instruction(
            text, f"proposal {len(self._seen) - 1} ({asked.tip.name})", hypothesis, evidence, number
        )

    def _useless(self, text: str, asked: _Asked) -> str | None:
        normal = _normal(text)
        words = normal.split()
        if normal in self._seen:
            return "it was known already"
        if repeats_question(text, asked.tip.advice):
            return "it only repeats the question"
        if len(words) >= _FEWEST_WORDS and len(set(words)) < _LEAST_VARIETY * len(words):
            return "it repeats itself"
        return None

    def _tell(self, number: int, asked: int, usable: int, reasons: Counter[str]) -> None:
        self.rejected.update(reasons)
        why = "; ".join(f"{count} x {reason}" for reason, count in sorted(reasons.items()))
        line = f"proposals, wave {number + 1}: {usable} of {asked} usable"
        self._context.progress.log(f"{line}; rejected: {why}" if why else line)


def _normal(text: str) -> str:
    return " ".join(text.casefold().split())
