"""initial tables"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from whetstone.db import big_integer_key, json_type

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "datasets",
        sa.Column("key", big_integer_key(), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("options", json_type(), nullable=False),
        sa.Column("sample_count", sa.Integer(), nullable=False),
        sa.Column("trajectory_count", sa.Integer(), nullable=False),
        sa.Column("report", json_type(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_datasets")),
        sa.UniqueConstraint("id", name=op.f("uq_datasets_id")),
    )
    op.create_table(
        "events",
        sa.Column("sequence", big_integer_key(), autoincrement=True, nullable=False),
        sa.Column("ts", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=True),
        sa.Column("payload", json_type(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_events")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_job_id_kind", "events", ["job_id", "kind", "sequence"], unique=False)

    op.create_table(
        "jobs",
        sa.Column("key", big_integer_key(), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("completed_at", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("progress", sa.Float(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("signal", sa.String(), nullable=True),
        sa.Column("backend", sa.String(), nullable=False),
        sa.Column("dataset_id", sa.String(), nullable=True),
        sa.Column("options", json_type(), nullable=False),
        sa.Column("model_id", sa.String(), nullable=True),
        sa.Column("model_path", sa.String(), nullable=True),
        sa.Column("adapter_path", sa.String(), nullable=True),
        sa.Column("result", json_type(), nullable=True),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("process", json_type(), nullable=True),
        sa.Column("events_offset", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_jobs")),
        sa.UniqueConstraint("id", name=op.f("uq_jobs_id")),
    )
    op.create_index("ix_jobs_status", "jobs", ["status"], unique=False)

    op.create_table(
        "trajectories",
        sa.Column("key", big_integer_key(), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("agent_id", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("start_time", sa.BigInteger(), nullable=False),
        sa.Column("start_time_given", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("end_time", sa.BigInteger(), nullable=True),
        sa.Column("duration_ms", sa.BigInteger(), nullable=True),
        sa.Column("step_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("llm_call_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("provider_access_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("completion_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cache_read_input_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cache_creation_input_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("total_reward", sa.Float(), nullable=True),
        sa.Column("reward_components", json_type(), nullable=False),
        sa.Column("ai_judge_reward", sa.Float(), nullable=True),
        sa.Column("ai_judge_reasoning", sa.Text(), nullable=True),
        sa.Column("archetype", sa.String(), nullable=True),
        sa.Column("is_training_data", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("scenario_id", sa.String(), nullable=True),
        sa.Column("batch_id", sa.String(), nullable=True),
        sa.Column("run_id", sa.String(), nullable=True),
        sa.Column("trace_id", sa.String(), nullable=True),
        sa.Column("episode_id", sa.String(), nullable=True),
        sa.Column("group_index", sa.Integer(), nullable=True),
        sa.Column("metrics", json_type(), nullable=False),
        sa.Column("metadata", json_type(), nullable=False),
        sa.Column("annotation", json_type(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_trajectories")),
        sa.UniqueConstraint("id", name=op.f("uq_trajectories_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_trajectories_batch_id", "trajectories", ["batch_id"], unique=False)
    op.create_index("ix_trajectories_newest", "trajectories", ["created_at", "key"], unique=False)
    op.create_index("ix_trajectories_run_id", "trajectories", ["run_id"], unique=False)
    op.create_index("ix_trajectories_scenario_id", "trajectories", ["scenario_id"], unique=False)
    op.create_index(
        "ix_trajectories_source_newest", "trajectories", ["source", "created_at", "key"], unique=False
    )
    op.create_index(
        "ix_trajectories_status_newest", "trajectories", ["status", "created_at", "key"], unique=False
    )
    op.create_index("ix_trajectories_trace_id", "trajectories", ["trace_id"], unique=False)

    op.create_table(
        "trajectory_settings",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", json_type(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_trajectory_settings")),
    )
    op.create_table(
        "steps",
        sa.Column("key", big_integer_key(), autoincrement=True, nullable=False),
        sa.Column("trajectory_key", big_integer_key(), nullable=False),
        sa.Column("step_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.Column("timestamp_given", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("reward", sa.Float(), nullable=True),
        sa.Column("done", sa.Boolean(), nullable=True),
        sa.Column("extra", json_type(), nullable=False),
        sa.ForeignKeyConstraint(
            ["trajectory_key"],
            ["trajectories.key"],
            name=op.f("fk_steps_trajectory_key_trajectories"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_steps")),
        sa.UniqueConstraint("trajectory_key", "step_id", name=op.f("uq_steps_trajectory_key_step_id")),
    )
    op.create_table(
        "trajectory_events",
        sa.Column("key", big_integer_key(), autoincrement=True, nullable=False),
        sa.Column("trajectory_key", big_integer_key(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("body", json_type(), nullable=False),
        sa.ForeignKeyConstraint(
            ["trajectory_key"],
            ["trajectories.key"],
            name=op.f("fk_trajectory_events_trajectory_key_trajectories"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_trajectory_events")),
        sa.UniqueConstraint(
            "trajectory_key",
            "category",
            "event_id",
            name=op.f("uq_trajectory_events_trajectory_key_category_event_id"),
        ),
    )
    op.create_table(
        "llm_calls",
        sa.Column("key", big_integer_key(), autoincrement=True, nullable=False),
        sa.Column("trajectory_key", big_integer_key(), nullable=False),
        sa.Column("step_key", big_integer_key(), nullable=False),
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("model_type", sa.String(), nullable=True),
        sa.Column("provider", sa.String(), nullable=True),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("action_type", sa.String(), nullable=False),
        sa.Column("step_type", sa.String(), nullable=False),
        sa.Column("tags", json_type(), nullable=False),
        sa.Column("system_prompt", sa.Text(), nullable=False),
        sa.Column("user_prompt", sa.Text(), nullable=False),
        sa.Column("messages", json_type(), nullable=True),
        sa.Column("tools", json_type(), nullable=True),
        sa.Column("tool_calls", json_type(), nullable=True),
        sa.Column("response", sa.Text(), nullable=False),
        sa.Column("reasoning", sa.Text(), nullable=True),
        sa.Column("correction", json_type(), nullable=True),
        sa.Column("temperature", sa.Float(), nullable=False),
        sa.Column("max_tokens", sa.BigInteger(), nullable=False),
        sa.Column("top_p", sa.Float(), nullable=True),
        sa.Column("latency_ms", sa.Float(), nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger(), nullable=True),
        sa.Column("completion_tokens", sa.BigInteger(), nullable=True),
        sa.Column("cache_read_input_tokens", sa.BigInteger(), nullable=True),
        sa.Column("cache_creation_input_tokens", sa.BigInteger(), nullable=True),
        sa.Column("reasoning_tokens", sa.BigInteger(), nullable=True),
        sa.Column("finish_reason", sa.String(), nullable=True),
        sa.Column("extra", json_type(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["step_key"], ["steps.key"], name=op.f("fk_llm_calls_step_key_steps"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["trajectory_key"],
            ["trajectories.key"],
            name=op.f("fk_llm_calls_trajectory_key_trajectories"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_llm_calls")),
        sa.UniqueConstraint("trajectory_key", "call_id", name=op.f("uq_llm_calls_trajectory_key_call_id")),
    )
    op.create_index("ix_llm_calls_model", "llm_calls", ["model"], unique=False)
    op.create_index("ix_llm_calls_step_key", "llm_calls", ["step_key"], unique=False)

    op.create_table(
        "provider_accesses",
        sa.Column("key", big_integer_key(), autoincrement=True, nullable=False),
        sa.Column("trajectory_key", big_integer_key(), nullable=False),
        sa.Column("step_key", big_integer_key(), nullable=False),
        sa.Column("access_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("timestamp", sa.BigInteger(), nullable=False),
        sa.Column("provider_name", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("data", json_type(), nullable=False),
        sa.Column("query", json_type(), nullable=True),
        sa.Column("extra", json_type(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["step_key"], ["steps.key"], name=op.f("fk_provider_accesses_step_key_steps"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["trajectory_key"],
            ["trajectories.key"],
            name=op.f("fk_provider_accesses_trajectory_key_trajectories"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_provider_accesses")),
        sa.UniqueConstraint(
            "trajectory_key", "access_id", name=op.f("uq_provider_accesses_trajectory_key_access_id")
        ),
    )
    op.create_index("ix_provider_accesses_step_key", "provider_accesses", ["step_key"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_provider_accesses_step_key", table_name="provider_accesses")

    op.drop_table("provider_accesses")
    op.drop_index("ix_llm_calls_step_key", table_name="llm_calls")
    op.drop_index("ix_llm_calls_model", table_name="llm_calls")

    op.drop_table("llm_calls")
    op.drop_table("trajectory_events")
    op.drop_table("steps")
    op.drop_table("trajectory_settings")
    op.drop_index("ix_trajectories_trace_id", table_name="trajectories")
    op.drop_index("ix_trajectories_status_newest", table_name="trajectories")
    op.drop_index("ix_trajectories_source_newest", table_name="trajectories")
    op.drop_index("ix_trajectories_scenario_id", table_name="trajectories")
    op.drop_index("ix_trajectories_run_id", table_name="trajectories")
    op.drop_index("ix_trajectories_newest", table_name="trajectories")
    op.drop_index("ix_trajectories_batch_id", table_name="trajectories")

    op.drop_table("trajectories")
    op.drop_index("ix_jobs_status", table_name="jobs")

    op.drop_table("jobs")
    op.drop_index("ix_events_job_id_kind", table_name="events")

    op.drop_table("events")
    op.drop_table("datasets")
