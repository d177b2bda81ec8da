"""The set `people`: texts written by hand, the way people write to an agent, with what is private marked in them."""

from __future__ import annotations

from pathlib import Path

from benchmarks.privacy.labelled import Document, from_markup

_TEXTS = Path(__file__).with_name("people.txt")
_SEPARATOR = "\n---\n"


def documents() -> list[Document]:
    """Every text of `people.txt`."""
    parts = _TEXTS.read_text(encoding="utf-8").split(_SEPARATOR)
    return [from_markup(part.strip("\n"), "people") for part in parts if part.strip()]
