"""Every text field of a trajectory: what search reaches, by table."""

from __future__ import annotations

TEXT_COLUMNS: dict[str, tuple[str, ...]] = {
    "trajectories": (
        "id",
        "source",
        "status",
        "agent_id",
        "scenario_id",
        "batch_id",
        "run_id",
        "trace_id",
        "episode_id",
        "archetype",
        "ai_judge_reasoning",
    ),
    "steps": ("step_id", "kind"),
    "llm_calls": (
        "call_id",
        "model",
        "model_type",
        "provider",
        "purpose",
        "action_type",
        "step_type",
        "user_prompt",
        "response",
        "reasoning",
        "finish_reason",
    ),
    "provider_accesses": ("access_id", "provider_name", "purpose"),
    "trajectory_events": (),
    "scores": ("name", "label", "comment", "source"),
    "trajectory_labels": ("value",),
}
"""Columns of plain text. All tables but `trajectories` belong to one by `trajectory_key`."""

JSON_COLUMNS: dict[str, tuple[str, ...]] = {
    "trajectories": ("metadata", "metrics", "annotation"),
    "steps": ("extra",),
    "llm_calls": ("tags", "messages", "tool_calls", "correction", "extra"),
    "provider_accesses": ("data", "query", "extra"),
    "trajectory_events": ("body",),
    "scores": (),
    "trajectory_labels": (),
}
"""Columns of JSON: searched as the text that the database makes of them."""

SHARED_COLUMNS = ("system_prompt_key", "tools_key")
"""Columns of `llm_calls` that refer to `shared_texts`; tools are JSON."""
