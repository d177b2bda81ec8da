"""Substring search over everything that a trajectory says: literal, case-insensitive in every script.

ASCII needles use LIKE, which both engines fold themselves. Other needles become a pattern with the case variants
of each letter, because SQLite's LIKE folds ASCII only and PostgreSQL folds by the locale of the database. One
letter is compared with one letter: `ß` finds `ẞ`, but not `ss`.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Text, cast, exists, literal, or_, select
from sqlalchemy.sql.elements import ColumnClause

from whetstone.db.engine import Dialect
from whetstone.errors import InvalidInputError
from whetstone.storable import clean_text
from whetstone.trajectories.tables import llm_calls, provider_accesses, shared_texts, trajectories

MAX_SEARCH = 1000
"""Characters of a search text; keeps patterns below SQLite's limit of 50,000 bytes."""

_WILD = re.compile(r"([%_\\])")
_ESCAPED = r"\\\1"
_LAST_CASED = 0x1E943  # the last letter that has a case, as of Unicode 16

_PLAIN = {
    trajectories: ("id", "source", "status", "agent_id", "scenario_id", "batch_id"),
    llm_calls: ("model", "user_prompt", "response", "purpose", "action_type"),
    provider_accesses: ("provider_name", "purpose"),
}
_JSON = {
    trajectories: ("metadata",),
    llm_calls: ("messages",),
    provider_accesses: ("data", "query"),
}


def matches(dialect: Dialect, needle: str) -> ColumnElement[bool]:
    """The condition that a trajectory, or one of its calls or accesses, holds `needle`.

    Raises InvalidInputError when `needle` has more than 1,000 characters.
    """
    if len(needle) > MAX_SEARCH:
        raise InvalidInputError(f"The search text may have at most {MAX_SEARCH} characters.")
    needle = clean_text(needle)
    conditions: list[ColumnElement[bool]] = []
    for table in (trajectories, llm_calls, provider_accesses):
        fields = [_holds(dialect, table.c[name], needle) for name in _PLAIN[table]]
        for name in _JSON[table]:
            text = cast(table.c[name], Text)
            fields += [_holds(dialect, text, form) for form in _forms_in_json(needle)]
        found = or_(*fields)
        if table is llm_calls:
            shared = or_(*(_holds(dialect, shared_texts.c.body, form) for form in _forms_in_json(needle)))
            keys = select(shared_texts.c.key).where(shared)
            found = or_(found, table.c.system_prompt_key.in_(keys), table.c.tools_key.in_(keys))
        if table is not trajectories:
            found = exists().where(table.c.trajectory_key == trajectories.c.key, found)
        conditions.append(found)
    return or_(*conditions)


def _forms_in_json(needle: str) -> list[str]:
    """`needle` as it is, and as it stands inside a JSON string where that differs."""
    return list(dict.fromkeys([needle, orjson.dumps(needle).decode()[1:-1]]))


def _holds(
    dialect: Dialect, text: ColumnElement[Any] | ColumnClause[Any], needle: str
) -> ColumnElement[bool]:
    if needle.isascii():
        pattern = f"%{_WILD.sub(_ESCAPED, needle)}%"
        like = text.like if dialect == "sqlite" else text.ilike
        return like(pattern, escape="\\")
    if dialect == "sqlite":
        return text.op("GLOB", is_comparison=True)(literal("*" + "".join(map(_glob, needle)) + "*"))
    return text.op("~", is_comparison=True)(literal("".join(map(_regex, needle))))


def _glob(character: str) -> str:
    variants = case_variants(character)
    if len(variants) > 1:
        return f"[{variants}]"
    return f"[{character}]" if character in "*?[" else character


def _regex(character: str) -> str:
    variants = case_variants(character)
    if len(variants) > 1:
        return f"[{variants}]"
    return f"\\{character}" if character.isascii() and not character.isalnum() else character


def case_variants(character: str) -> str:
    """All letters that differ from `character` in case only, with itself: `Σσς` for each of them."""
    return _variants().get(character.casefold(), character)


@cache
def _variants() -> dict[str, str]:
    families: dict[str, str] = {}
    for code in range(_LAST_CASED + 1):
        character = chr(code)
        if character != (folded := character.casefold()):
            families[folded] = families.get(folded, folded if len(folded) == 1 else "") + character
    return families
