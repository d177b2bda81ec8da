"""Settings of weight training: base models, the hub they come from, and how much of the machine it may take."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings


class TrainSettings(BaseSettings):
    """Configuration of the backends cpu, cuda and mlx."""

    base_models: dict[str, str] = Field(
        default_factory=dict,
        validation_alias="WHETSTONE_BASE_MODELS",
        description="Names for base models, as JSON: a folder, a GGUF file or a Hugging Face id (optionally @revision): "
        '{"eliza-1-2b": "/models/eliza-1-2b"}',
    )
    hub_offline: bool = Field(
        default=False,
        validation_alias="HF_HUB_OFFLINE",
        description="Never ask the Hugging Face hub; only what is in its cache can be trained.",
    )
    hub_home: Path | None = Field(
        default=None,
        validation_alias="HF_HOME",
        description="Folder of the Hugging Face cache; the default is that library's own.",
    )
    hub_token: SecretStr | None = Field(
        default=None, validation_alias="HF_TOKEN", description="Token for models that need one."
    )
    hub_endpoint: str | None = Field(
        default=None, validation_alias="HF_ENDPOINT", description="Another address of the Hugging Face hub."
    )
    max_training_jobs: int = Field(
        default=1,
        ge=1,
        validation_alias="WHETSTONE_MAX_TRAINING_JOBS",
        description="Weight-training jobs at once, of WHETSTONE_MAX_RUNNING_JOBS; each wants the whole machine.",
    )
    train_threads: int | None = Field(
        default=None,
        ge=1,
        validation_alias="WHETSTONE_TRAIN_THREADS",
        description="CPU threads of a training job; unset: one a physical core that it may use.",
    )
    train_niceness: int = Field(
        default=5,
        ge=0,
        le=19,
        validation_alias="WHETSTONE_TRAIN_NICENESS",
        description="How readily a training job lets others go first (0: not at all, 19: always).",
    )
    train_memory_gb: float | None = Field(
        default=None,
        gt=0,
        validation_alias="WHETSTONE_TRAIN_MEMORY_GB",
        description="Memory (GiB) at which a training job is ended; unset: 90 % of what the machine or container has.",
    )
    launcher: Literal["local", "ray"] = Field(
        default="local",
        validation_alias="WHETSTONE_LAUNCHER",
        description="Where jobs run, unless they say: on this machine, or on a Ray cluster.",
    )
    ray_address: str | None = Field(
        default=None,
        validation_alias="WHETSTONE_RAY_ADDRESS",
        description="The Ray cluster's job server, such as http://head:8265. It must see the state folder at the same path.",
    )
    ray_token: SecretStr | None = Field(
        default=None,
        validation_alias="WHETSTONE_RAY_TOKEN",
        description="Token of a Ray cluster that wants one.",
    )
    ray_python: str = Field(
        default="python",
        min_length=1,
        validation_alias="WHETSTONE_RAY_PYTHON",
        description="The Python of the cluster's nodes that has Whetstone: a command, or a path that is the same on all.",
    )

    @property
    def train_memory_bytes(self) -> int | None:
        """`train_memory_gb` in bytes."""
        return None if self.train_memory_gb is None else int(self.train_memory_gb * 2**30)
