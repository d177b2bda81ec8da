"""Small word lists that keep the models from taking the world's words for private names."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def words(section: str) -> frozenset[str]:
    """The entries of a section of `lexicon.txt`, in lower case; KeyError when there is no such section."""
    return _sections()[section]


def is_public(name: str) -> bool:
    """Whether a name is a country, a language, a month, a brand …: known to all, private to nobody."""
    folded = name.casefold().strip(" .,'’\"")
    return folded in words("not private") or folded in words("brands")


@cache
def _sections() -> dict[str, frozenset[str]]:
    text = resources.files(__package__).joinpath("lexicon.txt").read_text(encoding="utf-8")
    sections: dict[str, list[str]] = {}
    entries: list[str] = []
    for line in text.splitlines():
        if line.startswith("["):
            entries = sections.setdefault(line.strip("[]"), [])
        elif "," in line:
            entries += [entry.strip() for entry in line.split(",") if entry.strip()]
        elif not line.startswith("#"):
            entries += line.split()
    return {name: frozenset(values) for name, values in sections.items()}
