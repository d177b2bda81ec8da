"""store at scale: shared texts, counters, labels, scores, the queue of the search index

What is stored already keeps its content: texts move to `shared_texts`, counters and labels are filled from the rows.
Task labels need the code that names tasks; `whetstone db check --repair` fills them for rows of before.
"""

from __future__ import annotations

import hashlib

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
)
_FAILED = "status IN ('error', 'timeout')"
_DIMENSIONS = {
    "all": ("''", "TRUE"),
    "source": ("source", "TRUE"),
    "status": ("status", "TRUE"),
    "scenario": ("scenario_id", "scenario_id IS NOT NULL"),
    "hour": ("CAST(start_time / 3600000 AS VARCHAR)", "TRUE"),
}


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
    op.create_index(
        "ix_trajectories_filters",
        "trajectories",
        [
            "source",
            "status",
            "is_training_data",
            "start_time",
            "total_reward",
            "error_count",
            "created_at",
            "key",
        ],
    )
    _share_texts()
    op.drop_index("ix_llm_calls_model", "llm_calls")
    _fill_labels_and_counters()
    op.execute(
        "INSERT INTO search_queue (trajectory_key, created_at) SELECT key, created_at FROM trajectories ORDER BY key"
    )


def downgrade() -> None:
    op.create_index("ix_llm_calls_model", "llm_calls", ["model"])
    _inline_texts()
    op.drop_index("ix_trajectories_filters", "trajectories")
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
        sa.Column("reward_micros", sa.Numeric(40, 0), server_default="0", nullable=False),
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
    connection = op.get_bind()
    shared = _table("shared_texts", "key", "digest", "body")
    calls = _table("llm_calls", "key", "system_prompt", "system_prompt_key", "tools", "tools_key")
    for column, reference in (("system_prompt", "system_prompt_key"), ("tools", "tools_key")):
        content = sa.cast(calls.c[column], sa.Text)
        wanted = (
            sa.select(content.label("body")).where(content != "", calls.c[column].is_not(None)).distinct()
        )
        for body in connection.execute(wanted).scalars().all():
            digest = hashlib.sha256(body.encode()).digest()
            known = sa.select(shared.c.key).where(shared.c.digest == digest)
            key = connection.execute(known).scalar_one_or_none()
            if key is None:
                connection.execute(sa.insert(shared).values(digest=digest, body=body))
                key = connection.execute(known).scalar_one()
            connection.execute(sa.update(calls).where(content == body).values({reference: key}))
    with op.batch_alter_table("llm_calls") as batch:
        for name in ("system_prompt_key", "tools_key"):
            batch.create_foreign_key(
                op.f(f"fk_llm_calls_{name}_shared_texts"), "shared_texts", [name], ["key"]
            )
        batch.drop_column("system_prompt")
        batch.drop_column("tools")
    for name in ("system_prompt_key", "tools_key"):
        op.create_index(f"ix_llm_calls_{name}", "llm_calls", [name])


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
    sums = (
        "count(*), sum(step_count), sum(llm_call_count), sum(provider_access_count), sum(prompt_tokens), "
        "sum(completion_tokens), sum(cache_read_input_tokens), sum(cache_creation_input_tokens), "
        f"sum(CASE WHEN {_FAILED} THEN 1 ELSE 0 END), count(duration_ms), coalesce(sum(duration_ms), 0), "
        "count(total_reward), coalesce(sum(round(CAST(total_reward AS NUMERIC) * 1000000)), 0)"
    )
    columns = f"dimension, value, {', '.join(_COUNTS)}, reward_micros"
    for dimension, (value, condition) in _DIMENSIONS.items():
        grouping = "HAVING count(*) > 0" if dimension == "all" else f"GROUP BY {value}"
        op.execute(
            f"INSERT INTO trajectory_counters ({columns}) "  # noqa: S608
            f"SELECT '{dimension}', {value}, {sums} FROM trajectories WHERE {condition} {grouping}"
        )
    tokens = ("prompt_tokens", "completion_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    op.execute(
        f"INSERT INTO trajectory_counters (dimension, value, llm_calls, {', '.join(tokens)}) "  # noqa: S608
        f"SELECT 'model', model, count(*), {', '.join(f'coalesce(sum({name}), 0)' for name in tokens)} "
        "FROM llm_calls GROUP BY model"
    )


def _table(name: str, *columns: str) -> sa.TableClause:
    return sa.table(name, *(sa.column(column) for column in columns))
