"""Where in a trajectory a search text was found: its first field that has it, and a few words around."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, case, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.db import metadata
from whetstone.db.lists import key_set
from whetstone.trajectories.search.fields import JSON_COLUMNS, SHARED_COLUMNS
from whetstone.trajectories.search.highlights import highlights, json_highlights
from whetstone.trajectories.search.scan import columns_of, forms_of, holds, shares
from whetstone.trajectories.search.search_plan import SearchPlan
from whetstone.trajectories.tables import shared_texts

# What agents said comes before how things are called.
_TABLES = (
    "llm_calls",
    "provider_accesses",
    "trajectory_events",
    "trajectories",
    "scores",
    "steps",
    "trajectory_labels",
)
_TEXT_FIRST = ("user_prompt", "response", "messages", "data", "body")
_SHARED_NAMES = {"system_prompt_key": "systemPrompt", "tools_key": "tools"}
_JSON_FIELDS = {name for names in JSON_COLUMNS.values() for name in names} | {"tools_key"}


async def snippets(
    connection: AsyncConnection, plan: SearchPlan, trajectory_keys: Sequence[int]
) -> dict[int, dict[str, Any]]:
    """For each trajectory where it first matches: `{field, callId?, text, highlights}`.

    `highlights` are `[start, end]` in code points of `text`, which is an excerpt.
    """
    found: dict[int, dict[str, Any]] = {}
    forms = [form for term in plan.terms for form in forms_of(term.text)]
    for table in _TABLES:
        left = [key for key in trajectory_keys if key not in found]
        if not left:
            break
        for row in await _first_rows(connection, plan, table, left, forms):
            if snippet := _snippet(row, plan):
                found[row["owner"]] = snippet
    return found


async def _first_rows(
    connection: AsyncConnection, plan: SearchPlan, table: str, keys: Sequence[int], forms: list[str]
) -> list[dict[str, Any]]:
    """The first row of each trajectory that holds one of `forms`: its owner, the column and the text."""
    columns = metadata.tables[table].c
    shown = key_set(plan.dialect, keys)
    owner = columns.key if table == "trajectories" else columns.trajectory_key
    order = columns.value if table == "trajectory_labels" else columns.key
    texts = columns_of(table)
    ordered = [name for name in _TEXT_FIRST if name in texts]
    ordered += [name for name in texts if name not in ordered]
    conditions = {name: holds(plan.dialect, texts[name], forms) for name in ordered}
    if table == "llm_calls":
        for name in SHARED_COLUMNS:
            conditions[name] = shares(plan.dialect, name, forms, shown)
            texts[name] = (
                select(shared_texts.c.body).where(shared_texts.c.key == columns[name]).scalar_subquery()
            )
    matching = [owner.in_(shown), or_(*conditions.values())]
    first = select(owner.label("owner"), func.min(order).label("first")).where(*matching).group_by(owner)
    heads = first.subquery()
    query = select(
        owner.label("owner"),
        case(*((condition, literal(name)) for name, condition in conditions.items())).label("column"),
        _text(conditions, texts).label("text"),
        (columns.call_id if table in {"llm_calls", "scores"} else literal(None)).label("call_id"),
    ).where(owner == heads.c.owner, order == heads.c.first)
    return [dict(row) for row in (await connection.execute(query)).mappings()]


def _text(
    conditions: dict[str, ColumnElement[bool]], texts: dict[str, ColumnElement[Any]]
) -> ColumnElement[Any]:
    return case(*((condition, texts[name]) for name, condition in conditions.items()))


def _snippet(row: dict[str, Any], plan: SearchPlan) -> dict[str, Any] | None:
    text, column = str(row["text"]), row["column"]
    shown = json_highlights if column in _JSON_FIELDS else highlights
    anywhere = [replace(term, whole=False) for term in plan.terms]
    excerpt = shown(text, plan.terms) or shown(text, anywhere)
    if excerpt is None:  # as the text stands in JSON, in a field that is none
        excerpt = text[:160], []
    field = _SHARED_NAMES.get(column, _camel(column))
    call = {} if row["call_id"] is None else {"callId": row["call_id"]}
    return {"field": field, **call, "text": excerpt[0], "highlights": excerpt[1]}


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)
