"""Answers of the routes that take trajectories in (contract §4.5)."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from whetstone.api.models.base import WireModel, wire_config

# A whole trajectory, as an agent sends it.
TRAJECTORY_EXAMPLE: dict[str, Any] = {
    "id": "t-1",
    "agentId": "a-1",
    "source": "chat",
    "status": "completed",
    "startTime": 1760000000000,
    "endTime": 1760000001500,
    "totalReward": 1,
    "metadata": {"scenarioId": "s-1", "roomId": "room-7"},
    "steps": [
        {
            "stepId": "step-1",
            "llmCalls": [
                {
                    "callId": "c-1",
                    "purpose": "should_respond",
                    "model": "gpt-x",
                    "systemPrompt": "Decide whether the agent should answer.",
                    "userPrompt": "Can you help me with my invoice?",
                    "response": "RESPOND",
                    "promptTokens": 400,
                    "completionTokens": 30,
                }
            ],
            "providerAccesses": [
                {"providerId": "p-1", "providerName": "RECENT_MESSAGES", "purpose": "context", "data": {}}
            ],
        }
    ],
}


class Changes(WireModel):
    """What a request changed in the store."""

    stored: bool = Field(description="False when trajectory logging is off: nothing was kept.")
    created: int = Field(description="Trajectories that were new.")
    updated: int = Field(description="Trajectories that were known and changed.")
    llm_calls: int = Field(description="LLM calls that were new.")
    provider_accesses: int = Field(description="Provider accesses that were new.")


class Ingested(Changes):
    """What became of the trajectories that were sent. Sending the same again changes nothing."""

    model_config = wire_config(
        {
            "ids": ["t-1"],
            "count": 1,
            "stored": True,
            "created": 1,
            "updated": 0,
            "llmCalls": 1,
            "providerAccesses": 1,
        }
    )

    ids: list[str] = Field(description="Ids of the trajectories, in the order of the request.")
    count: int = Field(description="How many trajectories the request held.")
