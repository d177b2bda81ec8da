"""Wire models of the privacy filter: previews, samples, and how it stands."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from whetstone.api.models.base import AsSent, WireModel, wire_config

_SPAN: dict[str, Any] = {
    "start": 9,
    "end": 25,
    "kind": "email",
    "tier": "rules",
    "replacement": "[REDACTED_EMAIL]",
}
_FIELD_SPAN = {**_SPAN, "field": "steps[0].llmCalls[0].userPrompt"}
_ATTESTATION: dict[str, Any] = {
    "schema": "whetstone.privacy_attestation.v1",
    "generatedAt": "2026-02-19T10:00:00.000Z",
    "filter": {"version": "2", "configHash": "0f3c2a9b81d4e567", "models": [], "disabledDetectors": []},
    "policy": [{"policy": "standard", "reason": None, "trajectories": 342}],
    "replacement": "pseudonym",
    "trajectories": 342,
    "counts": {
        "byKind": {"email": 12},
        "byField": {"steps.llmCalls.userPrompt": 12},
        "byTier": {"rules": 12},
    },
    "dropped": {"entity-private": 1},
    "residual": {"scannedBytes": 1048576, "found": 0, "byKind": {}, "byPolicy": {}},
    "files": [{"name": "trajectories.jsonl", "bytes": 1048576, "sha256": "9f86d081884c7d65"}],
}


class PreviewRequest(WireModel):
    """A text or a trajectory, not both."""

    model_config = wire_config(
        {"text": "Write to jane@example.org"},
        {
            "trajectory": {
                "trajectoryId": "t-1",
                "steps": [{"llmCalls": [{"userPrompt": "Write to jane@example.org"}]}],
            }
        },
    )

    text: AsSent[str] = Field(default=None, description="Any text, up to 200,000 characters.")
    trajectory: AsSent[dict[str, Any]] = Field(
        default=None, description="A trajectory document, as the store gives it."
    )


class Span(WireModel):
    """Characters `start` to `end` (exclusive) of the original are replaced."""

    start: int
    end: int
    kind: str = Field(description="What was found.")
    tier: str = Field(description="rules, names, structure or custom.")
    replacement: str
    field: str | None = Field(default=None, description="Path of the text, in a trajectory.")


class PreviewAnswer(WireModel):
    """What the filter makes of it. `text` for a text; `trajectory` and `dropped` for a trajectory."""

    model_config = wire_config(
        {"text": "Write to [REDACTED_EMAIL]", "spans": [_SPAN], "counts": {"email": 1}},
        {
            "trajectory": {"trajectoryId": "t-1"},
            "dropped": None,
            "spans": [_FIELD_SPAN],
            "counts": {"email": 1},
        },
    )

    text: str | None = None
    trajectory: dict[str, Any] | None = Field(default=None, description="The filtered trajectory.")
    dropped: str | None = Field(default=None, description="Why the trajectory is withheld.")
    spans: list[Span]
    counts: dict[str, int] = Field(description="Replacements by kind.")


class ChangedTextAnswer(WireModel):
    """One text, before and after."""

    trajectory_id: str
    field: str = Field(description="Path of the text in the trajectory.")
    before: str
    after: str
    spans: list[Span]


class Samples(WireModel):
    """Texts that the filter changes. Holds private data: for the operator, and stored nowhere."""

    model_config = wire_config(
        {
            "datasetId": "dataset-1760000000000-1a2b3c4d",
            "samples": [
                {
                    "trajectoryId": "t-1",
                    "field": "steps[0].llmCalls[0].userPrompt",
                    "before": "Write to jane@example.org",
                    "after": "Write to [REDACTED_EMAIL]",
                    "spans": [_FIELD_SPAN],
                }
            ],
        }
    )

    dataset_id: str
    samples: list[ChangedTextAnswer]


class PolicyRow(WireModel):
    """A policy, and for whom."""

    scope: str = Field(description="default, agent or source.")
    name: str | None = None
    policy: str = Field(description="strict, standard or off-for-own-data.")
    reason: str | None = None


class PrivacyStatus(WireModel):
    """How the filter stands."""

    model_config = wire_config(
        {
            "filterVersion": "2",
            "configHash": "0f3c2a9b81d4e567",
            "replacement": "pseudonym",
            "policies": [{"scope": "default", "name": None, "policy": "standard", "reason": None}],
            "detectors": {"rules": ["email", "phone"], "names": [], "custom": []},
            "disabledDetectors": [],
            "switchable": ["email", "phone"],
            "names": {"available": False, "models": [], "why": "not installed: onnxruntime"},
        }
    )

    filter_version: str
    config_hash: str = Field(description="Changes with every setting of the filter.")
    replacement: str = Field(description="What takes the place of personal data.")
    policies: list[PolicyRow]
    detectors: dict[str, list[str]] = Field(description="Kinds that are looked for, by tier.")
    disabled_detectors: list[str] = Field(description="Kinds that the operator switched off.")
    switchable: list[str] = Field(description="Kinds that can be switched off.")
    names: dict[str, Any] = Field(description="The names models: loaded ones, or why there are none.")


class DownloadAttestation(WireModel):
    """What is attested of a finished download."""

    model_config = wire_config(
        {"status": "complete", "attestation": _ATTESTATION}, {"status": "incomplete", "attestation": None}
    )

    status: str = Field(description="complete; incomplete while it goes on, and when it broke off.")
    attestation: dict[str, Any] | None = None
