"""Table rows of calls, accesses and steps, from what clients send."""

from __future__ import annotations

import hashlib
from typing import Any

from pydantic import BaseModel

from whetstone.storable import clean_json
from whetstone.trajectories.ingest.changes import ItemChange
from whetstone.trajectories.input import inference
from whetstone.trajectories.input.coercion import to_label
from whetstone.trajectories.input.records import LlmCallInput, ProviderAccessInput, StepInput

Row = dict[str, Any]

MAX_SCRIPT = 4096
"""Characters of a step's script that are kept (contract §4.2)."""

_RARE_CALL_FIELDS = (
    "model_version",
    "prompt",
    "tool_choice",
    "token_usage_estimated",
    "run_id",
    "room_id",
    "message_id",
    "execution_trace_id",
    "metadata",
)
# What we add to an item when we answer it: no news when it is sent back to us.
_NOT_EXTRA = frozenset({"trajectoryId", "createdAt"})


def call_row(change: ItemChange[LlmCallInput], now: int) -> Row:
    """Columns of `llm_calls`, without the keys of its owners."""
    call = change.input
    purpose = call.purpose or inference.DEFAULT_PURPOSE
    action_type = call.action_type or inference.DEFAULT_ACTION_TYPE
    kind = inference.step_type(call.step_type, purpose, action_type)
    given_tags = [label for tag in call.tags or [] if (label := to_label(tag))]
    return {
        "call_id": change.id,
        "position": change.position,
        "timestamp": change.timestamp,
        "model": call.model or "unknown",
        "model_type": call.model_type,
        "provider": call.provider,
        "purpose": purpose,
        "action_type": action_type,
        "step_type": kind,
        "tags": inference.tags(given_tags, kind, purpose, action_type),
        "system_prompt": call.system_prompt or "",
        "user_prompt": call.user_prompt or "",
        "messages": call.messages,
        "tools": call.tools,
        "tool_calls": call.tool_calls,
        "response": call.response or "",
        "reasoning": call.reasoning,
        "correction": call.correction,
        "temperature": call.temperature or 0,
        "max_tokens": call.max_tokens or 0,
        "top_p": call.top_p,
        "latency_ms": call.latency_ms or 0,
        "prompt_tokens": call.prompt_tokens,
        "completion_tokens": call.completion_tokens,
        "cache_read_input_tokens": call.cache_read_input_tokens,
        "cache_creation_input_tokens": call.cache_creation_input_tokens,
        "reasoning_tokens": call.reasoning_tokens,
        "finish_reason": call.finish_reason,
        "extra": _extra(call, _RARE_CALL_FIELDS),
        "created_at": now,
    }


def access_row(change: ItemChange[ProviderAccessInput], now: int) -> Row:
    """Columns of `provider_accesses`, without the keys of its owners."""
    access = change.input
    return {
        "access_id": change.id,
        "position": change.position,
        "timestamp": change.timestamp,
        "provider_name": access.provider_name or "unknown",
        "purpose": access.purpose or "",
        "data": access.data or {},
        "query": access.query,
        "extra": _extra(access, ("provider_id",)),
        "created_at": now,
    }


def step_extra(step: StepInput) -> dict[str, Any]:
    """The rarer members of a step by their wire name; a long script is cut and hashed."""
    extra = _extra(step, ("child_steps", "used_skills", "environment_state", "script", "script_hash"))
    if step.action is not None:
        extra["action"] = clean_json(step.action.model_dump(by_alias=True, exclude_none=True))
    if step.script is not None and len(step.script) > MAX_SCRIPT:
        extra["script"] = step.script[:MAX_SCRIPT]
        extra["scriptHash"] = hashlib.sha256(step.script.encode()).hexdigest()
    return extra


def _extra(record: BaseModel, fields: tuple[str, ...]) -> dict[str, Any]:
    extra = {
        name: value for name, value in clean_json(record.model_extra or {}).items() if name not in _NOT_EXTRA
    }
    for name in fields:
        if (value := getattr(record, name)) is not None:
            extra[type(record).model_fields[name].alias or name] = value
    return extra
