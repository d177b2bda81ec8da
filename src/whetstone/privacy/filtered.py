"""The proof that something went through the privacy filter.

Writers of training rows accept `Filtered` values only. Nobody but the filter can make one; everybody can derive more
from one, which keeps the proof as long as the function uses nothing but what it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

T = TypeVar("T")
U = TypeVar("U")

_SEAL: Final = object()


class Filtered(Generic[T]):
    """A value without private data.

    The filter calls the constructor with its seal; any other caller gets a TypeError.
    """

    __slots__ = ("_value",)

    def __init__(self, value: T, seal: object = None) -> None:
        if seal is not _SEAL:
            raise TypeError(
                "Filtered values are made by the privacy filter only; use PrivacyFilter, or map()"
            )
        self._value = value

    @property
    def value(self) -> T:
        """The filtered value, to be read."""
        return self._value

    def map(self, function: Callable[[T], U]) -> Filtered[U]:
        """Derive a value from filtered content only."""
        return Filtered(function(self._value), _SEAL)

    def each(self, function: Callable[[T], Iterable[U]]) -> Iterator[Filtered[U]]:
        """Derive several values, such as the rows of a trajectory."""
        for item in function(self._value):
            yield Filtered(item, _SEAL)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A trajectory that must not be used, and why: `entity-private`, `residual-private-data`, `not-filterable`."""

    trajectory_id: str
    reason: str


def seal(value: T) -> Filtered[T]:
    """Mark a value as filtered. For the privacy filter alone."""
    return Filtered(value, _SEAL)
