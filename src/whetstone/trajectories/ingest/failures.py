"""What counts as a failure within a trajectory: its `error_count` adds these up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TOOL_EVENTS = "toolEvents"
"""The event list whose events can fail."""


def call_failed(finish_reason: str | None, extra: Mapping[str, Any]) -> bool:
    """Whether a call (its columns `finish_reason` and `extra`) ended in an error."""
    return finish_reason == "error" or bool(extra.get("error"))


def event_failed(category: str, body: Mapping[str, Any]) -> bool:
    """Whether an event is of a tool that failed."""
    if category != TOOL_EVENTS:
        return False
    failed = body.get("type") == "tool_error" or body.get("status") == "failed"
    return failed or body.get("success") is False


def action_failed(extra: Mapping[str, Any]) -> bool:
    """Whether the action of a step (its column `extra`) failed."""
    action = extra.get("action")
    return isinstance(action, Mapping) and action.get("success") is False
