"""Auto-training (contract §7)."""

from __future__ import annotations

from typing import Any

from pydantic import Field, StrictBool

from whetstone.api.models.base import AsSent, Lenient, WireModel, wire_config

_CONFIG: dict[str, Any] = {
    "autoTrain": True,
    "triggerThreshold": 100,
    "triggerCooldownHours": 12.0,
    "backends": ["native"],
    "perTaskOverrides": {"should_respond": {"threshold": 50, "cooldownHours": 6, "backend": "native"}},
}


class TaskOverride(WireModel):
    """What differs for one task."""

    threshold: int | None = None
    cooldown_hours: float | None = None
    backend: str | None = None


class AutoConfig(WireModel):
    """When auto-training starts by itself."""

    model_config = wire_config(_CONFIG)

    auto_train: bool
    trigger_threshold: int = Field(description="Trajectories of a task that start a run.")
    trigger_cooldown_hours: float = Field(description="Least time between two runs of a task.")
    backends: list[str] = Field(description="Empty: count, but never train.")
    per_task_overrides: dict[str, TaskOverride] = Field(default_factory=dict)


class AutoConfigAnswer(WireModel):
    """The configuration in both dialects."""

    model_config = wire_config({"config": _CONFIG, "threshold": 100, "cooldownHours": 12.0})

    config: AutoConfig
    threshold: int = Field(default=100, description="Same as `config.triggerThreshold`.")
    cooldown_hours: float = Field(default=12, description="Same as `config.triggerCooldownHours`.")


class AutoConfigUpdate(WireModel):
    """What to change; absent keys stay. Either name of a key will do; a wrong type is refused."""

    model_config = wire_config({"threshold": 100, "cooldownHours": 12}, {"autoTrain": False}, _CONFIG)

    auto_train: AsSent[bool] = None
    trigger_threshold: AsSent[float] = None
    threshold: AsSent[float] = Field(default=None, description="Same as `triggerThreshold`.")
    trigger_cooldown_hours: AsSent[float] = None
    cooldown_hours: AsSent[float] = Field(default=None, description="Same as `triggerCooldownHours`.")
    backends: AsSent[list[str]] = None
    per_task_overrides: AsSent[dict[str, dict[str, Any]]] = None


class AutoStatus(WireModel):
    """Where auto-training stands."""

    model_config = wire_config(
        {
            "autoTrainEnabled": True,
            "triggerThreshold": 100,
            "cooldownHours": 12.0,
            "counters": {},
            "lastTrain": {},
            "perTaskThresholds": {"should_respond": 100},
            "perTaskCooldownMs": {"should_respond": 43200000},
            "serviceRegistered": False,
        }
    )

    auto_train_enabled: bool
    trigger_threshold: int
    cooldown_hours: float
    counters: dict[str, int]
    last_train: dict[str, dict[str, Any]]
    per_task_thresholds: dict[str, int]
    per_task_cooldown_ms: dict[str, int]
    service_registered: bool = Field(description="Whether runs start by themselves.")


class RunList(WireModel):
    """Runs of auto-training, newest first."""

    model_config = wire_config({"runs": []})

    runs: list[dict[str, Any]]


class TriggerRun(WireModel):
    """Which task to train now."""

    model_config = wire_config({}, {"task": "should_respond", "backend": "native", "dryRun": True})

    task: AsSent[str] = None
    backend: AsSent[str] = None
    dry_run: Lenient[StrictBool] = None
