"""The answer to an upload of JSON lines."""

from __future__ import annotations

from pydantic import Field

from whetstone.api.models.base import WireModel, wire_config
from whetstone.api.models.ingest import Changes


class RefusedLine(WireModel):
    """A line that was left out."""

    line: int = Field(description="Its number in the body, from 1.")
    error: str = Field(description="What is wrong with it.")


class Uploaded(Changes):
    """What became of the lines of an upload. Sending the same again changes nothing."""

    model_config = wire_config(
        {
            "count": 2,
            "stored": True,
            "created": 2,
            "updated": 0,
            "llmCalls": 7,
            "providerAccesses": 0,
            "rejected": 1,
            "errors": [{"line": 3, "error": "Invalid JSON"}],
        }
    )

    count: int = Field(description="How many trajectories were taken.")
    rejected: int = Field(description="How many lines were left out.")
    errors: list[RefusedLine] = Field(description="Why, of the first 20 of them.")
