"""What is searched: instructions x demonstrations x the form in which demonstrations are shown."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

from whetstone.optimize.engine.program import PROMPT, Candidate, demonstration
from whetstone.optimize.fewshot.demonstration_sets import RENDERINGS, SHOWN_AS, demonstration_sets
from whetstone.optimize.optimizer import SearchContext
from whetstone.optimize.rows.examples import Example
from whetstone.prompts.artifact import Demonstration

_SURE_FAMILIES = 3
"""Families of sets that every pool gives: diverse, representative, the best rewarded."""


class Point(NamedTuple):
    """A place in the space: the indices of its instruction, demonstrations and rendering."""

    instruction: int
    demonstrations: int
    rendering: int


@dataclass(frozen=True, slots=True)
class Instruction:
    """A system prompt to try. `hypothesis` says in words why it should help, `evidence` are the training rows that the
    reflection model was shown going wrong."""

    text: str
    origin: str
    hypothesis: str = ""
    evidence: tuple[Example, ...] = ()
    wave: int = 0


@dataclass(frozen=True, slots=True)
class Shown:
    """Demonstrations to try."""

    name: str
    demonstrations: tuple[Demonstration, ...]


class Space:
    """Grows by a wave of instructions at a time. Point (0, 0, 0) is the candidate that the search starts from."""

    def __init__(self, context: SearchContext) -> None:
        self._context = context
        self._start = context.start
        self.instructions = [Instruction(context.start.prompt, "the present instructions")]
        self.shown = [_own(context)]
        self.renderings = RENDERINGS[context.spec.few_shot.demonstration_format]

    def learn(self, errors: Collection[str]) -> None:
        """Add the demonstrations, now that the present prompt is known to get some training rows (`errors`) wrong.

        Compares the training rows with each other: seconds of CPU for thousands of them.
        """
        self.shown = [_own(self._context), *_others(self._context, errors)]

    @property
    def shape(self) -> tuple[int, int, int]:
        """How many choices each part of a point has."""
        return len(self.instructions), len(self.shown), len(self.renderings)

    def points(self) -> Iterator[Point]:
        """Every point, each candidate once."""
        for indices in product(*map(range, self.shape)):
            point = Point(*indices)
            if point == self.plain(point):
                yield point

    def plain(self, point: Point) -> Point:
        """The same candidate's usual point: the rendering says nothing where no set of ours is shown."""
        ours = point.demonstrations and self.shown[point.demonstrations].demonstrations
        return point if ours else point._replace(rendering=0)

    def candidate(self, point: Point) -> Candidate:
        """What a point stands for."""
        made = self._start.with_text(PROMPT, self.instructions[point.instruction].text)
        if not point.demonstrations:
            return made
        rendering = self.renderings[point.rendering]
        return replace(
            made, demonstrations=self.shown[point.demonstrations].demonstrations, rendering=rendering
        )

    def origin(self, point: Point) -> str:
        """What a point is, in words."""
        instruction, shown = self.instructions[point.instruction].origin, self.shown[point.demonstrations]
        if not shown.demonstrations:
            return instruction if len(self.shown) == 1 else f"{instruction}, no demonstrations"
        form = f" {SHOWN_AS[self.renderings[point.rendering]]}" if point.demonstrations else ""
        return f"{instruction}, {len(shown.demonstrations)} demonstrations ({shown.name}){form}"


def _own(context: SearchContext) -> Shown:
    return Shown("those of the prompt so far", context.start.demonstrations)


def _others(context: SearchContext, errors: Collection[str]) -> list[Shown]:
    """No demonstrations, if the start has some, and the sets; nothing in the zero-shot mode."""
    options, start = context.spec.instructions, context.start
    if not options.demonstration_sets:
        return []
    longest = max(row.request_tokens for row in context.validation)
    room = min(context.guard.max_tokens, context.room - longest)

    instructions = start.bare().tokens()
    tokens = {example.id: example.tokens for example in context.pool}

    def fits(examples: Sequence[Example]) -> bool:
        return instructions + sum(tokens[example.id] for example in examples) <= room

    sets = demonstration_sets(
        context.pool,
        size=context.spec.few_shot.demonstrations,
        random_sets=max(0, options.demonstration_sets - _SURE_FAMILIES),
        seed=context.spec.seed,
        fits=fits,
        errors=errors,
    )
    none = [Shown("none", ())] if start.demonstrations else []
    tried = sets[: options.demonstration_sets]
    return [*none, *(Shown(chosen.family, _demonstrations(chosen.examples)) for chosen in tried)]


def _demonstrations(examples: Sequence[Example]) -> tuple[Demonstration, ...]:
    return tuple(demonstration(example) for example in examples)
