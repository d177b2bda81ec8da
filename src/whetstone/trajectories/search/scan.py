"""Substring search by SQL over the texts themselves: exact, slow, without an index. Literal, case-insensitive.

ASCII needles use LIKE, which both engines fold themselves. Other needles become a pattern with the case variants
of each letter, because SQLite's LIKE folds ASCII only and PostgreSQL folds by the locale of the database.
"""

from __future__ import annotations

import re
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Select, Text, cast, collate, exists, literal, or_, select
from sqlalchemy.sql.elements import ColumnClause

from whetstone.db import metadata
from whetstone.db.engine import Dialect
from whetstone.errors import InvalidInputError
from whetstone.storable import clean_text
from whetstone.trajectories.search.fields import JSON_COLUMNS, SHARED_COLUMNS, TEXT_COLUMNS
from whetstone.trajectories.search.letters import MAX_SEARCH, case_variants
from whetstone.trajectories.tables import llm_calls, shared_texts, trajectories

_WILD = re.compile(r"([%_\\])")
_ESCAPED = r"\\\1"


def matches(dialect: Dialect, needle: str, among: Select[tuple[int]] | None = None) -> ColumnElement[bool]:
    """The condition that some text field of a trajectory or of one of its parts holds `needle`.

    `among` finds the keys of the trajectories that are asked about, where they are not all. Raises InvalidInputError when `needle` has more than 1,000 characters.
    """
    forms = forms_of(needle)
    conditions: list[ColumnElement[bool]] = []
    for name in TEXT_COLUMNS:
        table = metadata.tables[name]
        found = or_(*(holds(dialect, text, forms) for text in columns_of(name).values()))
        if table is llm_calls:
            found = or_(found, *(shares(dialect, column, forms, among) for column in SHARED_COLUMNS))
        if table is not trajectories:
            found = exists().where(table.c.trajectory_key == trajectories.c.key, found)
        conditions.append(found)
    return or_(*conditions)


def shares(
    dialect: Dialect, column: str, forms: list[str], among: Select[tuple[int]] | None
) -> ColumnElement[bool]:
    """The condition that the shared text in `column` of a call holds one of `forms`.

    Each text is looked through once, and only texts of the trajectories `among`, where those are known.
    """
    texts = select(shared_texts.c.key).where(holds(dialect, shared_texts.c.body, forms))
    if among is not None:
        calls = llm_calls.alias()
        texts = texts.where(
            shared_texts.c.key.in_(select(calls.c[column]).where(calls.c.trajectory_key.in_(among)))
        )
    return llm_calls.c[column].in_(texts)


def columns_of(table: str) -> dict[str, ColumnElement[Any]]:
    """The searched columns of a table as texts, by their names."""
    columns = metadata.tables[table].c
    found: dict[str, ColumnElement[Any]] = {name: columns[name] for name in TEXT_COLUMNS[table]}
    return found | {name: cast(columns[name], Text) for name in JSON_COLUMNS[table]}


def forms_of(needle: str) -> list[str]:
    """`needle` as it is, and as it stands inside a JSON string where that differs.

    Raises InvalidInputError when `needle` has more than 1,000 characters.
    """
    if len(needle) > MAX_SEARCH:
        raise InvalidInputError(f"The search text may have at most {MAX_SEARCH} characters.")
    needle = clean_text(needle)
    return list(dict.fromkeys([needle, orjson.dumps(needle).decode()[1:-1]]))


def holds(
    dialect: Dialect, text: ColumnElement[Any] | ColumnClause[Any], forms: list[str]
) -> ColumnElement[bool]:
    """The condition that `text` holds one of `forms`."""
    return or_(*(_holds(dialect, text, form) for form in forms))


def _holds(
    dialect: Dialect, text: ColumnElement[Any] | ColumnClause[Any], needle: str
) -> ColumnElement[bool]:
    if needle.isascii() and not set(needle) & {"\x1e", "\x1f"}:
        pattern = f"%{_WILD.sub(_ESCAPED, needle)}%"
        if dialect == "sqlite":
            return text.like(pattern, escape="\\")
        return text.ilike(collate(literal(pattern), "C"), escape="\\")
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
