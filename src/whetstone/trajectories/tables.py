"""Tables of the trajectory store: a trajectory has steps; a step has LLM calls, provider accesses and events.

Times are integer milliseconds since the epoch. The counters on `trajectories` are rollups of the rows below it, and
`trajectory_counters` of all trajectories; both are kept right in the transaction that changes what they count.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.sql import expression

from whetstone.db import big_integer_key, json_type, metadata


def _count(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default="0")


def _owner() -> Column[int]:
    return Column(
        "trajectory_key",
        big_integer_key(),
        ForeignKey("trajectories.key", ondelete="CASCADE"),
        nullable=False,
    )


def _step() -> Column[int]:
    return Column("step_key", big_integer_key(), ForeignKey("steps.key", ondelete="CASCADE"), nullable=False)


trajectories = Table(
    "trajectories",
    metadata,
    Column("key", big_integer_key(), primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("agent_id", String, nullable=False),
    Column("source", String, nullable=False),
    Column("status", String, nullable=False),
    Column("start_time", BigInteger, nullable=False),
    # False where the start is only inferred, as the earliest time that was seen.
    Column("start_time_given", Boolean, nullable=False, server_default=expression.false()),
    Column("end_time", BigInteger),
    Column("duration_ms", BigInteger),
    _count("step_count"),
    _count("llm_call_count"),
    _count("provider_access_count"),
    _count("prompt_tokens"),
    _count("completion_tokens"),
    # Prompt and completion tokens together, for the order of lists.
    _count("total_tokens"),
    _count("cache_read_input_tokens"),
    _count("cache_creation_input_tokens"),
    # Calls, tool events and actions that failed.
    _count("error_count"),
    Column("total_reward", Float),
    Column("reward_components", json_type(), nullable=False),
    Column("ai_judge_reward", Float),
    Column("ai_judge_reasoning", Text),
    Column("archetype", String),
    Column("is_training_data", Boolean, nullable=False, server_default=expression.false()),
    Column("scenario_id", String),
    Column("batch_id", String),
    Column("run_id", String),
    Column("trace_id", String),
    Column("episode_id", String),
    Column("group_index", Integer),
    Column("metrics", json_type(), nullable=False),
    Column("metadata", json_type(), nullable=False),
    # What annotations said, which outranks the agent's own report; what scores and tags amount to (see feedback.py);
    # and corrections of calls yet to come.
    Column("annotation", json_type(), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    # One index for each order in which lists can be asked for; that of the default order covers the common filters,
    # so that exact totals, and pages of few matches, are read from it alone …
    Index(
        "ix_trajectories_newest",
        "created_at",
        "key",
        "start_time",
        "source",
        "status",
        "is_training_data",
        "total_reward",
        "error_count",
    ),
    Index("ix_trajectories_start_time", "start_time", "key"),
    Index("ix_trajectories_duration_ms", "duration_ms", "key"),
    Index("ix_trajectories_tokens", "total_tokens", "key"),
    Index("ix_trajectories_total_reward", "total_reward", "key"),
    # … and one for each filter that selects few.
    Index("ix_trajectories_status_newest", "status", "created_at", "key"),
    Index("ix_trajectories_source_newest", "source", "created_at", "key"),
    Index("ix_trajectories_scenario_id", "scenario_id"),
    Index("ix_trajectories_batch_id", "batch_id"),
    Index("ix_trajectories_run_id", "run_id"),
    Index("ix_trajectories_trace_id", "trace_id"),
    sqlite_autoincrement=True,
)

# Texts that many calls share, stored once: system prompts, and tool definitions as JSON.
shared_texts = Table(
    "shared_texts",
    metadata,
    Column("key", big_integer_key(), primary_key=True, autoincrement=True),
    # SHA-256 of the text in UTF-8.
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    Column("body", Text, nullable=False),
    # The index remembers texts by their keys: a key must not come to mean another text.
    sqlite_autoincrement=True,
)

steps = Table(
    "steps",
    metadata,
    Column("key", big_integer_key(), primary_key=True, autoincrement=True),
    _owner(),
    Column("step_id", String, nullable=False),
    # Null until the step itself is described: a call may come first.
    Column("position", Integer),
    Column("kind", String, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    # False where the time is only inferred, as the earliest of its items.
    Column("timestamp_given", Boolean, nullable=False, server_default=expression.false()),
    Column("reward", Float),
    Column("done", Boolean),
    # The rarer members of a step: script, scriptHash, usedSkills, childSteps, action, environmentState.
    Column("extra", json_type(), nullable=False),
    UniqueConstraint("trajectory_key", "step_id"),
)

llm_calls = Table(
    "llm_calls",
    metadata,
    Column("key", big_integer_key(), primary_key=True, autoincrement=True),
    _owner(),
    _step(),
    Column("call_id", String, nullable=False),
    Column("position", Integer, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    Column("model", String, nullable=False),
    Column("model_type", String),
    Column("provider", String),
    Column("purpose", String, nullable=False),
    Column("action_type", String, nullable=False),
    Column("step_type", String, nullable=False),
    Column("tags", json_type(), nullable=False),
    # Null where there is none.
    Column("system_prompt_key", big_integer_key(), ForeignKey("shared_texts.key")),
    Column("user_prompt", Text, nullable=False),
    Column("messages", json_type()),
    Column("tools_key", big_integer_key(), ForeignKey("shared_texts.key")),
    Column("tool_calls", json_type()),
    Column("response", Text, nullable=False),
    Column("reasoning", Text),
    # The right answer, where somebody or something said so: {"text"?, "toolCalls"?, "source"?, "comment"?}.
    Column("correction", json_type()),
    Column("temperature", Float, nullable=False),
    Column("max_tokens", BigInteger, nullable=False),
    Column("top_p", Float),
    Column("latency_ms", Float, nullable=False),
    Column("prompt_tokens", BigInteger),
    Column("completion_tokens", BigInteger),
    Column("cache_read_input_tokens", BigInteger),
    Column("cache_creation_input_tokens", BigInteger),
    Column("reasoning_tokens", BigInteger),
    Column("finish_reason", String),
    # The rarer members of a call: modelVersion, toolChoice, runId, roomId, messageId, executionTraceId, metadata, …
    Column("extra", json_type(), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("trajectory_key", "call_id"),
    Index("ix_llm_calls_step_key", "step_key"),
    # To know which shared texts nobody needs any more.
    Index("ix_llm_calls_system_prompt_key", "system_prompt_key"),
    Index("ix_llm_calls_tools_key", "tools_key"),
)

provider_accesses = Table(
    "provider_accesses",
    metadata,
    Column("key", big_integer_key(), primary_key=True, autoincrement=True),
    _owner(),
    _step(),
    Column("access_id", String, nullable=False),
    Column("position", Integer, nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    Column("provider_name", String, nullable=False),
    Column("purpose", String, nullable=False),
    Column("data", json_type(), nullable=False),
    Column("query", json_type()),
    # providerId, startedAt, endedAt, durationMs, overlapsWith, sha256, tokenCount, position
    Column("extra", json_type(), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("trajectory_key", "access_id"),
    Index("ix_provider_accesses_step_key", "step_key"),
)

trajectory_events = Table(
    "trajectory_events",
    metadata,
    Column("key", big_integer_key(), primary_key=True, autoincrement=True),
    _owner(),
    # Name of the list in the detail answer: events, contextEvents, toolEvents, evaluationEvents, …
    Column("category", String, nullable=False),
    Column("event_id", String, nullable=False),
    Column("position", Integer, nullable=False),
    Column("body", json_type(), nullable=False),
    UniqueConstraint("trajectory_key", "category", "event_id"),
)

# Judgements of a trajectory, or of one of its calls (which may still be under way).
scores = Table(
    "scores",
    metadata,
    Column("key", big_integer_key(), primary_key=True, autoincrement=True),
    _owner(),
    Column("score_id", String, nullable=False),
    Column("call_id", String),
    Column("name", String, nullable=False),
    # A number, a class, or both; neither where there is only a comment.
    Column("value", Float),
    Column("label", String),
    Column("comment", Text),
    # human, judge or code
    Column("source", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    UniqueConstraint("trajectory_key", "score_id"),
)

# What a trajectory can be filtered by that it has several of.
trajectory_labels = Table(
    "trajectory_labels",
    metadata,
    _owner(),
    # model, task or tag
    Column("kind", String, nullable=False),
    Column("value", String, nullable=False),
    PrimaryKeyConstraint("trajectory_key", "kind", "value"),
    Index("ix_trajectory_labels_value", "kind", "value", "trajectory_key"),
)

# Sums over all trajectories, and over those with one value of a dimension: all, source, status, scenario, hour (of
# the start, hours since the epoch) and model (sums over calls, not trajectories).
trajectory_counters = Table(
    "trajectory_counters",
    metadata,
    Column("dimension", String, nullable=False),
    Column("value", String, nullable=False),
    _count("trajectories"),
    _count("steps"),
    _count("llm_calls"),
    _count("provider_accesses"),
    _count("prompt_tokens"),
    _count("completion_tokens"),
    _count("cache_read_input_tokens"),
    _count("cache_creation_input_tokens"),
    # Trajectories that count as failed: their status is error or timeout, or something in them failed.
    _count("failed"),
    _count("ended"),
    _count("duration_ms"),
    _count("rewarded"),
    # Rewards as whole numbers and millionths: whole numbers add up exactly in any order.
    _count("reward_whole"),
    _count("reward_micros"),
    PrimaryKeyConstraint("dimension", "value"),
)

# Trajectories that changed, in the order of their changes: what the search index has yet to catch up with. A row is
# written in the transaction of the change, also of a deletion (no foreign key: the trajectory may be gone).
search_queue = Table(
    "search_queue",
    metadata,
    Column("key", big_integer_key(), primary_key=True, autoincrement=True),
    Column("trajectory_key", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

trajectory_settings = Table(
    "trajectory_settings",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", json_type(), nullable=False),
)
