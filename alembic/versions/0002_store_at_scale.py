"""store at scale: shared texts, counters, labels, scores, the queue of the search index

What is stored already keeps its content: texts move to `shared_texts`, counters and labels are filled from the rows.
Task labels and error counts need the code that tells tasks and failures; `whetstone db check --repair` fills them
for rows of before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

from whetstone.db import big_integer_key, json_type

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_COUNTS = (
    "trajectories",
    "steps",
    "llm_calls",
    "provider_accesses",
    "prompt_tokens",
    "completion_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "failed",
    "ended",
    "duration_ms",
    "rewarded",
    "reward_whole",
    "reward_micros",
)
# What a trajectory adds to most of those counts.
_SUMS = (
    "step_count",
    "llm_call_count",
    "provider_access_count",
    "prompt_tokens",
    "completion_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
)
_HOUR_MS = 3_600_000
_MAX_DURATION_MS = 10**13
_ROWS = 1_000  # rows a statement
_COVERED = ("start_time", "source", "status", "is_training_data", "total_reward", "error_count")


def upgrade() -> None:
    _create_tables()
    for name in ("total_tokens", "error_count"):
        op.add_column("trajectories", sa.Column(name, sa.BigInteger(), server_default="0", nullable=False))
    op.execute("UPDATE trajectories SET total_tokens = prompt_tokens + completion_tokens")
    for name, column in (
        ("start_time", "start_time"),
        ("duration_ms", "duration_ms"),
        ("tokens", "total_tokens"),
        ("total_reward", "total_reward"),
    ):
        op.create_index(f"ix_trajectories_{name}", "trajectories", [column, "key"])
    op.drop_index("ix_trajectories_newest", "trajectories")
    op.create_index("ix_trajectories_newest", "trajectories", ["created_at", "key", *_COVERED])
    _share_texts()
    op.drop_index("ix_llm_calls_model", "llm_calls")
    _fill_labels_and_counters()
    op.execute(
        "INSERT INTO search_queue (trajectory_key, created_at) SELECT key, created_at FROM trajectories ORDER BY key"
    )


def downgrade() -> None:
    op.create_index("ix_llm_calls_model", "llm_calls", ["model"])
    _inline_texts()
    op.drop_index("ix_trajectories_newest", "trajectories")
    op.create_index("ix_trajectories_newest", "trajectories", ["created_at", "key"])
    for name in ("start_time", "duration_ms", "tokens", "total_reward"):
        op.drop_index(f"ix_trajectories_{name}", "trajectories")
    for name in ("total_tokens", "error_count"):
        op.drop_column("trajectories", name)
    for table in ("search_queue", "trajectory_counters", "trajectory_labels", "scores", "shared_texts"):
        op.drop_table(table)


def _owner() -> sa.Column[int]:
    return sa.Column("trajectory_key", big_integer_key(), nullable=False)


def _owned(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["trajectory_key"],
        ["trajectories.key"],
        name=op.f(f"fk_{table}_trajectory_key_trajectories"),
        ondelete="CASCADE",
    )


def _create_tables() -> None:
    op.create_table(
        "shared_texts",
        sa.Column("key", big_integer_key(), autoincrement=True, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_shared_texts")),
        sa.UniqueConstraint("digest", name=op.f("uq_shared_texts_digest")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "scores",
        sa.Column("key", big_integer_key(), autoincrement=True, nullable=False),
        _owner(),
        sa.Column("score_id", sa.String(), nullable=False),
        sa.Column("call_id", sa.String()),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.Float()),
        sa.Column("label", sa.String()),
        sa.Column("comment", sa.Text()),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        _owned("scores"),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_scores")),
        sa.UniqueConstraint("trajectory_key", "score_id", name=op.f("uq_scores_trajectory_key_score_id")),
    )
    op.create_table(
        "trajectory_labels",
        _owner(),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        _owned("trajectory_labels"),
        sa.PrimaryKeyConstraint("trajectory_key", "kind", "value", name=op.f("pk_trajectory_labels")),
    )
    op.create_index("ix_trajectory_labels_value", "trajectory_labels", ["kind", "value", "trajectory_key"])
    op.create_table(
        "trajectory_counters",
        sa.Column("dimension", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), server_default="0", nullable=False) for name in _COUNTS),
        sa.PrimaryKeyConstraint("dimension", "value", name=op.f("pk_trajectory_counters")),
    )
    op.create_table(
        "search_queue",
        sa.Column("key", big_integer_key(), autoincrement=True, nullable=False),
        sa.Column("trajectory_key", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_search_queue")),
        sqlite_autoincrement=True,
    )


def _share_texts() -> None:
    with op.batch_alter_table("llm_calls") as batch:
        for name in ("system_prompt_key", "tools_key"):
            batch.add_column(sa.Column(name, big_integer_key(), nullable=True))
    _move_texts(op.get_bind())
    with op.batch_alter_table("llm_calls") as batch:
        for name in ("system_prompt_key", "tools_key"):
            batch.create_foreign_key(
                op.f(f"fk_llm_calls_{name}_shared_texts"), "shared_texts", [name], ["key"]
            )
        batch.drop_column("system_prompt")
        batch.drop_column("tools")
    for name in ("system_prompt_key", "tools_key"):
        op.create_index(f"ix_llm_calls_{name}", "llm_calls", [name])


def _move_texts(connection: sa.Connection) -> None:
    shared = _table("shared_texts", "key", "digest", "body")
    calls = _table("llm_calls", "key", "system_prompt", "system_prompt_key", "tools", "tools_key")
    page = sa.select(
        calls.c.key, calls.c.system_prompt, sa.cast(calls.c.tools, sa.Text).label("tools")
    ).order_by(calls.c.key)
    refer = (
        sa.update(calls)
        .where(calls.c.key == sa.bindparam("its_key"))
        .values(system_prompt_key=sa.bindparam("prompt"), tools_key=sa.bindparam("definitions"))
    )
    keys: dict[bytes, int] = {}
    last = 0
    while rows := connection.execute(page.where(calls.c.key > last).limit(_ROWS)).all():
        last = rows[-1].key
        bodies = {_digest(body): body for row in rows for body in (row.system_prompt, row.tools) if body}
        new = [digest for digest in bodies if digest not in keys]
        if new:
            connection.execute(
                sa.insert(shared), [{"digest": digest, "body": bodies[digest]} for digest in new]
            )
            stored = sa.select(shared.c.digest, shared.c.key).where(shared.c.digest.in_(new))
            keys |= {bytes(row.digest): row.key for row in connection.execute(stored)}
        references = [
            {
                "its_key": row.key,
                "prompt": keys[_digest(row.system_prompt)] if row.system_prompt else None,
                "definitions": keys[_digest(row.tools)] if row.tools else None,
            }
            for row in rows
            if row.system_prompt or row.tools
        ]
        if references:
            connection.execute(refer, references)


def _digest(body: str) -> bytes:
    return hashlib.sha256(body.encode()).digest()


def _inline_texts() -> None:
    for name in ("system_prompt_key", "tools_key"):
        op.drop_index(f"ix_llm_calls_{name}", "llm_calls")
    op.add_column("llm_calls", sa.Column("system_prompt", sa.Text(), server_default="", nullable=False))
    op.add_column("llm_calls", sa.Column("tools", json_type(), nullable=True))
    body = "(SELECT body FROM shared_texts WHERE shared_texts.key = llm_calls.{})"
    prompt, tools = body.format("system_prompt_key"), body.format("tools_key")
    if op.get_bind().dialect.name == "postgresql":
        tools += "::jsonb"
    op.execute(f"UPDATE llm_calls SET system_prompt = coalesce({prompt}, ''), tools = {tools}")  # noqa: S608
    with op.batch_alter_table("llm_calls") as batch:
        batch.alter_column("system_prompt", existing_type=sa.Text(), server_default=None)
        for name in ("system_prompt_key", "tools_key"):
            batch.drop_constraint(op.f(f"fk_llm_calls_{name}_shared_texts"), type_="foreignkey")
            batch.drop_column(name)


def _fill_labels_and_counters() -> None:
    op.execute(
        "INSERT INTO trajectory_labels (trajectory_key, kind, value) "
        "SELECT DISTINCT trajectory_key, 'model', model FROM llm_calls"
    )
    _fill_counters(op.get_bind())
    tokens = ("prompt_tokens", "completion_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    op.execute(
        f"INSERT INTO trajectory_counters (dimension, value, llm_calls, {', '.join(tokens)}) "  # noqa: S608
        f"SELECT 'model', model, count(*), {', '.join(f'coalesce(sum({name}), 0)' for name in tokens)} "
        "FROM llm_calls GROUP BY model"
    )


def _fill_counters(connection: sa.Connection) -> None:
    """In Python, because the engines round differently, and what is taken away later must be what was added."""
    columns = ("key", "source", "status", "scenario_id", "start_time", "duration_ms", "total_reward", *_SUMS)
    table = _table("trajectories", *columns)
    page = sa.select(table).order_by(table.c.key).limit(_ROWS)
    counters: dict[tuple[str, str], list[int]] = {}
    last = 0
    while rows := connection.execute(page.where(table.c.key > last)).mappings().all():
        last = rows[-1]["key"]
        for row in rows:
            contribution = _contribution(row)
            for place in _places(row):
                sums = counters.setdefault(place, [0] * len(_COUNTS))
                counters[place] = [old + new for old, new in zip(sums, contribution, strict=True)]
    values = [
        {"dimension": place[0], "value": place[1], **dict(zip(_COUNTS, sums, strict=True))}
        for place, sums in sorted(counters.items())
    ]
    if values:
        connection.execute(sa.insert(_table("trajectory_counters", "dimension", "value", *_COUNTS)), values)


def _contribution(row: Mapping[str, Any]) -> list[int]:
    duration, reward = row["duration_ms"], row["total_reward"]
    whole, micros = divmod(round(reward * 1_000_000), 1_000_000) if reward is not None else (0, 0)
    return [
        1,
        *(row[name] for name in _SUMS),
        int(row["status"] in {"error", "timeout"}),
        int(duration is not None),
        min(duration or 0, _MAX_DURATION_MS),
        int(reward is not None),
        whole,
        micros,
    ]


def _places(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    places = [("all", ""), ("source", row["source"]), ("status", row["status"])]
    places.append(("hour", str(row["start_time"] // _HOUR_MS)))
    if row["scenario_id"] is not None:
        places.append(("scenario", row["scenario_id"]))
    return places


def _table(name: str, *columns: str) -> sa.TableClause:
    return sa.table(name, *(sa.column(column) for column in columns))
