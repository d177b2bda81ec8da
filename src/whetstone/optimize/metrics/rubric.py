"""Rubrics: what a judging model looks at, as questions to be answered with yes or no.

Binary items agree better with people, and vary less from run to run, than marks on a scale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from whetstone.errors import InvalidInputError

MAX_ITEMS = 8
_MAX_QUESTION = 500


@dataclass(frozen=True)
class RubricItem:
    """One statement about an answer that holds or does not."""

    name: str
    statement: str


@dataclass(frozen=True)
class Rubric:
    """The statements that a good answer satisfies, of equal weight."""

    items: tuple[RubricItem, ...]

    def __post_init__(self) -> None:
        """Refuse what cannot be judged."""
        if not 1 <= len(self.items) <= MAX_ITEMS:
            raise InvalidInputError(f"A rubric has 1 to {MAX_ITEMS} items, not {len(self.items)}")
        for item in self.items:
            if not item.statement.strip() or len(item.statement) > _MAX_QUESTION:
                raise InvalidInputError(f"A rubric item is a statement of 1 to {_MAX_QUESTION} characters")
        if len({item.name for item in self.items}) < len(self.items):
            raise InvalidInputError("Two items of the rubric have the same name")

    @classmethod
    def of(cls, items: Any) -> Rubric:
        """A rubric from a list of statements, or an object of statements by name; `InvalidInputError` otherwise."""
        if isinstance(items, Mapping):
            pairs = list(items.items())
        elif isinstance(items, Sequence) and not isinstance(items, str):
            pairs = [(f"item {place}", statement) for place, statement in enumerate(items, 1)]
        else:
            raise InvalidInputError("A rubric is a list of statements, or an object of statements by name")
        if not all(isinstance(name, str) and isinstance(statement, str) for name, statement in pairs):
            raise InvalidInputError("The items of a rubric are texts")
        return cls(tuple(RubricItem(name, statement) for name, statement in pairs))


FREE_TEXT = Rubric(
    (
        RubricItem("agrees", "The answer says nothing that contradicts the reference answer."),
        RubricItem("complete", "The answer gives everything in the reference answer that the request needs."),
        RubricItem(
            "grounded", "The answer states no fact that neither the request nor the reference supports."
        ),
        RubricItem("form", "The answer has the form and about the length of the reference answer."),
        RubricItem("tone", "The answer is in the language of the reference answer, and in a like tone."),
    )
)
"""For free text beside a reference answer."""
