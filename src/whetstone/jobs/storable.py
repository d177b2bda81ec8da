"""Text and JSON that every store accepts."""

from __future__ import annotations

from typing import Any


def storable_text(text: str) -> str:
    """`text` without what PostgreSQL or JSON cannot hold: NUL and lone surrogates."""
    return text.replace("\x00", "�").encode("utf-8", "replace").decode()


def storable(value: Any) -> Any:
    """A copy of a JSON value that every store accepts: texts as above, keys included, and 64-bit integers.

    Anything that is not JSON becomes its text.
    """
    match value:
        case str():
            return storable_text(value)
        case None | bool() | float():
            return value
        case int() if -(2**63) <= value < 2**63:
            return value
        case dict():
            return {storable_text(str(key)): storable(item) for key, item in value.items()}
        case list() | tuple():
            return [storable(item) for item in value]
        case _:
            return storable_text(str(value))
