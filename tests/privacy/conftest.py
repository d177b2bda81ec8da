"""Filters and a small trajectory document that the tests of this room share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from whetstone.privacy.config import PrivacyConfig
from whetstone.privacy.filter import PrivacyFilter
from whetstone.privacy.replacement.anonymizer import HashAnonymizer


@pytest.fixture
def plain_filter() -> PrivacyFilter:
    """The rules alone: no secrets, lists or anonymizer."""
    return PrivacyFilter(PrivacyConfig())


@pytest.fixture
def hashing_filter() -> PrivacyFilter:
    """The rules and the hash anonymizer."""
    return PrivacyFilter(PrivacyConfig(anonymizer=HashAnonymizer(salt="pepper")))


@pytest.fixture
def make_document() -> Callable[..., dict[str, Any]]:
    """Builds a trajectory with one step and one call; keyword arguments go into the call."""

    def make(*, trajectory: dict[str, Any] | None = None, **call: Any) -> dict[str, Any]:
        return {
            "trajectoryId": "t-1",
            "agentId": "agent-1",
            "source": "chat",
            "status": "completed",
            "startTime": 1_760_000_000_000,
            "steps": [
                {
                    "stepId": "s-1",
                    "stepNumber": 0,
                    "timestamp": 1_760_000_000_001,
                    "kind": "llm",
                    "llmCalls": [
                        {
                            "callId": "c-1",
                            "model": "gpt-4o-mini-2024-07-18",
                            "purpose": "response",
                            "systemPrompt": "",
                            "userPrompt": "",
                            "response": "",
                            **call,
                        }
                    ],
                    "providerAccesses": [],
                }
            ],
            "metadata": {},
            **(trajectory or {}),
        }

    return make
