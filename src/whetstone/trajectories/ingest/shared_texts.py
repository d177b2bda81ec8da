"""Texts that many calls share (system prompts, tool definitions) are stored once, by their SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.db import Database
from whetstone.db.bulk import slices
from whetstone.trajectories.tables import shared_texts

Row = dict[str, Any]

_TEXTS = 200  # texts a statement


async def share_texts(connection: AsyncConnection, database: Database, calls: Sequence[Row]) -> None:
    """Replace `system_prompt` (text) and `tools` (JSON) of `calls` by the keys of the stored texts."""
    bodies: dict[str, int | None] = {"": None}
    for call in calls:
        tools = call.pop("tools")
        call["system_prompt_key"] = call.pop("system_prompt")
        call["tools_key"] = (
            "" if tools is None else orjson.dumps(tools, option=orjson.OPT_NON_STR_KEYS).decode()
        )
        bodies[call["system_prompt_key"]] = bodies[call["tools_key"]] = None
    digests = {hashlib.sha256(body.encode()).digest(): body for body in bodies if body}
    for digest, key in (await _keys(connection, database, digests)).items():
        bodies[digests[digest]] = key
    for call in calls:
        for column in ("system_prompt_key", "tools_key"):
            call[column] = bodies[call[column]]


async def texts_of(connection: AsyncConnection, keys: Collection[int]) -> dict[int, str]:
    """The stored texts with these keys: prompts as they are, tools as JSON."""
    bodies: dict[int, str] = {}
    for part in slices(sorted(keys), _TEXTS):
        query = select(shared_texts.c.key, shared_texts.c.body).where(shared_texts.c.key.in_(part))
        bodies |= {row.key: row.body for row in await connection.execute(query)}
    return bodies


async def _keys(
    connection: AsyncConnection, database: Database, bodies: dict[bytes, str]
) -> dict[bytes, int]:
    keys: dict[bytes, int] = {}
    insert = database.insert(shared_texts).on_conflict_do_nothing(index_elements=["digest"])
    # One order for all writers, so that two of them do not wait for each other.
    for part in slices(sorted(bodies), _TEXTS):
        known = select(shared_texts.c.digest, shared_texts.c.key).where(shared_texts.c.digest.in_(part))
        keys |= {row.digest: row.key for row in await connection.execute(known)}
        if missing := [digest for digest in part if digest not in keys]:
            await connection.execute(insert, [{"digest": each, "body": bodies[each]} for each in missing])
            keys |= {row.digest: row.key for row in await connection.execute(known)}
    return keys
