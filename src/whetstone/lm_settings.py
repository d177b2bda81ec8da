"""The settings of the language models: which answers, which reflects, teaches and judges, and what they cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

import orjson
from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode

Role = Literal["task", "reflection", "teacher", "judge"]
LM_ROLES: tuple[Role, ...] = get_args(Role)
Provider = Literal["local", "openai"]

_PRICES_FORM = 'must be JSON like {"my-model": {"input": 0.15, "output": 0.6}}, in USD per million tokens'


@dataclass(frozen=True)
class LMRole:
    """The model of one role. `base_url` is None for the embedded model; `model` is then its file, None for the
    one that comes with the package. `width` bounds the calls in flight."""

    provider: Provider
    base_url: str | None
    api_key: SecretStr | None
    model: str | None
    width: int

    def same_model(self, other: LMRole) -> bool:
        """Whether both are answered by the same model, whatever key pays for it."""
        return (self.provider, self.base_url, self.model) == (other.provider, other.base_url, other.model)


class LMSettings(BaseSettings):
    """Settings of the language models, part of `settings.Settings`."""

    lm_provider: Literal["local", "openai"] = Field(
        default="local",
        validation_alias=AliasChoices("WHETSTONE_LM_PROVIDER", "TRAIN_MODEL_PROVIDER", "TRAINING_PROVIDER"),
        description="`local`: the embedded model; `openai`: any OpenAI-compatible endpoint.",
    )
    lm_base_url: str = Field(
        default="https://api.openai.com/v1",
        validation_alias=AliasChoices("WHETSTONE_LM_BASE_URL", "OPENAI_BASE_URL"),
        description="Base URL of the OpenAI-compatible endpoint, including /v1.",
    )
    lm_api_key: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("WHETSTONE_LM_API_KEY", "OPENAI_API_KEY"),
        description="Key of that endpoint.",
    )
    lm_model: str | None = Field(
        default=None,
        validation_alias=AliasChoices(
            "WHETSTONE_LM_MODEL", "TRAIN_MODEL", "TRAINING_MODEL", "TRAIN_MODEL_NAME"
        ),
        description="Model name at the endpoint (required for `openai`).",
    )
    reflection_lm_model: str | None = Field(
        default=None,
        validation_alias="WHETSTONE_REFLECTION_LM_MODEL",
        description="Model that proposes better prompts; unset: the same as the task's.",
    )
    reflection_lm_base_url: str | None = Field(
        default=None,
        validation_alias="WHETSTONE_REFLECTION_LM_BASE_URL",
        description="Base URL of its OpenAI-compatible endpoint; unset: WHETSTONE_LM_BASE_URL.",
    )
    reflection_lm_api_key: SecretStr | None = Field(
        default=None,
        validation_alias="WHETSTONE_REFLECTION_LM_API_KEY",
        description="Key of that endpoint; unset: WHETSTONE_LM_API_KEY, if the endpoint is on the same host.",
    )
    teacher_lm_model: str | None = Field(
        default=None,
        validation_alias="WHETSTONE_TEACHER_LM_MODEL",
        description="Model that answers for bootstrapped examples; unset: the same as the task's.",
    )
    teacher_lm_base_url: str | None = Field(
        default=None,
        validation_alias="WHETSTONE_TEACHER_LM_BASE_URL",
        description="Base URL of its OpenAI-compatible endpoint; unset: WHETSTONE_LM_BASE_URL.",
    )
    teacher_lm_api_key: SecretStr | None = Field(
        default=None,
        validation_alias="WHETSTONE_TEACHER_LM_API_KEY",
        description="Key of that endpoint; unset: WHETSTONE_LM_API_KEY, if the endpoint is on the same host.",
    )
    judge_lm_model: str | None = Field(
        default=None,
        validation_alias="WHETSTONE_JUDGE_LM_MODEL",
        description="Model that judges answers; unset: the same as the task's.",
    )
    judge_lm_base_url: str | None = Field(
        default=None,
        validation_alias="WHETSTONE_JUDGE_LM_BASE_URL",
        description="Base URL of its OpenAI-compatible endpoint; unset: WHETSTONE_LM_BASE_URL.",
    )
    judge_lm_api_key: SecretStr | None = Field(
        default=None,
        validation_alias="WHETSTONE_JUDGE_LM_API_KEY",
        description="Key of that endpoint; unset: WHETSTONE_LM_API_KEY, if the endpoint is on the same host.",
    )
    lm_prices: Annotated[dict[str, dict[str, float]], NoDecode] = Field(
        default_factory=dict,
        validation_alias="WHETSTONE_LM_PRICES",
        description="USD per million tokens by model name, as JSON, for limits on money: "
        '{"my-model": {"input": 0.15, "output": 0.6}}',
    )
    lm_concurrency: int = Field(
        default=4,
        ge=1,
        le=1024,
        validation_alias="WHETSTONE_LM_CONCURRENCY",
        description="Calls in flight at one LM endpoint, of all jobs together; fewer while it refuses (429).",
    )
    lm_timeout_seconds: float = Field(
        default=120,
        gt=0,
        validation_alias="WHETSTONE_LM_TIMEOUT_SECONDS",
        description="Longest wait for one answer.",
    )
    lm_max_retries: int = Field(
        default=5,
        ge=0,
        validation_alias="WHETSTONE_LM_MAX_RETRIES",
        description="Retries on 429, 5xx and lost connections.",
    )
    lm_cache: bool = Field(
        default=True,
        validation_alias="WHETSTONE_LM_CACHE",
        description="Keep LM answers on disk and reuse them.",
    )
    lm_cache_path: Path | None = Field(
        default=None,
        validation_alias="WHETSTONE_LM_CACHE_PATH",
        description="File of that cache; the default is lm-cache.db in the state folder.",
    )
    local_lm_path: Path | None = Field(
        default=None,
        validation_alias="WHETSTONE_LOCAL_LM_PATH",
        description="GGUF file to run instead of the embedded SmolLM2-135M-Instruct.",
    )
    local_lm_threads: int = Field(
        default=1,
        ge=1,
        validation_alias="WHETSTONE_LOCAL_LM_THREADS",
        description="Threads of the embedded model; more than the free cores is slower.",
    )
    local_lm_parallel: int = Field(
        default=2,
        ge=1,
        le=64,
        validation_alias="WHETSTONE_LOCAL_LM_PARALLEL",
        description="Requests decoded together.",
    )
    local_lm_context: int = Field(
        default=4096,
        ge=512,
        validation_alias="WHETSTONE_LOCAL_LM_CONTEXT",
        description="Context tokens per request.",
    )
    local_lm_idle_seconds: float = Field(
        default=120,
        gt=0,
        validation_alias="WHETSTONE_LOCAL_LM_IDLE_SECONDS",
        description="Idle time until it stops.",
    )

    @field_validator("lm_cache_path", "local_lm_path", mode="after")
    @classmethod
    def _absolute_files(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    @field_validator("lm_prices", mode="before")
    @classmethod
    def _read_prices(cls, value: Any) -> dict[str, dict[str, float]]:
        return _prices(value)

    @property
    def lm_width(self) -> int:
        """Calls of the task's model that really run at once."""
        return self.lm_role("task").width

    def lm_role(self, role: Role) -> LMRole:
        """The model of `role`. What is not set for a role is the task's; an endpoint or a model of its own makes
        it an `openai` one. The task's key is not sent to another host."""
        own = [None] * 3 if role == "task" else [getattr(self, f"{role}_lm_{n}") for n in _OWN]
        model, base_url, api_key = own
        if self.lm_provider == "local" and model is None and base_url is None:
            path = str(self.local_lm_path) if self.local_lm_path else None
            # More calls would only wait inside the embedded server, and time out.
            return LMRole("local", None, None, path, min(self.lm_concurrency, self.local_lm_parallel))
        url = (base_url or self.lm_base_url).rstrip("/")
        if api_key is None and _origin(url) == _origin(self.lm_base_url):
            api_key = self.lm_api_key
        return LMRole("openai", url, api_key, model or self.lm_model, self.lm_concurrency)


_OWN = ("model", "base_url", "api_key")


def _origin(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:  # reported where the endpoint is made
        return "", url
    return parts.scheme, parts.netloc


def _prices(value: Any) -> dict[str, dict[str, float]]:
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except ValueError as error:
            msg = f"{_PRICES_FORM}; it is not JSON: {error}"
            raise ValueError(msg) from error
    if not isinstance(value, dict):
        msg = _PRICES_FORM
        raise ValueError(msg)
    return {model: _price(model, price) for model, price in value.items()}


def _price(model: Any, price: Any) -> dict[str, float]:
    if not isinstance(price, dict) or set(price) != {"input", "output"}:
        msg = f"{_PRICES_FORM}; {model!r} must have exactly `input` and `output`"
        raise ValueError(msg)
    for kind, amount in price.items():
        number = isinstance(amount, int | float) and not isinstance(amount, bool)
        if not number or not math.isfinite(amount) or amount < 0:
            msg = f"{_PRICES_FORM}; {kind} of {model!r} must be a number of 0 or more"
            raise ValueError(msg)
    return {kind: float(amount) for kind, amount in price.items()}
