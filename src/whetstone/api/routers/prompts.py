"""Optimized prompts: what agents may use."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path

from whetstone.api.models.base import COMMON_ERRORS
from whetstone.api.models.prompts import CurrentPrompts, TaskPrompts
from whetstone.api.responses import JsonResponse
from whetstone.api.services import ServicesDep
from whetstone.prompts.store import PromptStore, StoredPrompt

router = APIRouter(prefix="/api/prompts", tags=["prompts"], responses=COMMON_ERRORS)


@router.get("", response_model=CurrentPrompts, summary="List the prompts in use")
async def list_prompts(services: ServicesDep) -> JsonResponse:
    """The prompt in use of each task that has an optimized one."""
    current = await asyncio.to_thread(services.prompts.all_current)
    return JsonResponse({"prompts": {task: _version(stored) for task, stored in current.items()}})


@router.get("/{task}", response_model=TaskPrompts, summary="Get the prompts of a task")
async def get_task_prompts(
    services: ServicesDep,
    task: Annotated[
        str,
        Path(
            description="Name of the task.",
            examples=["should_respond"],
            json_schema_extra={"pattern": "^[a-z0-9_]{1,64}$"},
        ),
    ],
) -> JsonResponse:
    """The prompt in use and all versions, newest first; empty for a task that has none."""
    return JsonResponse(await asyncio.to_thread(_task_answer, services.prompts, task))


def _task_answer(prompts: PromptStore, task: str) -> dict[str, Any]:
    current = prompts.current(task)
    return {
        "task": task,
        "current": None if current is None else _version(current),
        "history": [_version(stored) for stored in prompts.history(task)],
    }


def _version(stored: StoredPrompt) -> dict[str, Any]:
    return {"version": stored.version, "artifact": stored.artifact.to_dict()}
