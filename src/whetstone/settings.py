"""Every setting of the service, typed, from the environment and `.env`.

Names that Eliza already has are kept; ours start with `WHETSTONE_`. No other module reads the environment.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from whetstone.lm_settings import LMSettings
from whetstone.train_settings import TrainSettings

_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|API|CREDENTIAL", re.IGNORECASE)
_MIN_SECRET_LENGTH = 8

# What any program may need from its parent; everything else stays out of child processes.
_INHERITED = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "VIRTUAL_ENV",
    "XDG_CACHE_HOME",
    "SSL_CERT_FILE",
)

PRODUCTION_PORT = 2138
DEVELOPMENT_PORT = 31337


def _names(*names: str) -> AliasChoices:
    return AliasChoices(*names)


class Settings(LMSettings, TrainSettings):
    """Configuration of one Whetstone process."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,  # `NAME=` in .env, and `docker run -e NAME=`, mean the default
        extra="ignore",
        populate_by_name=True,
    )

    # Where things live
    state_dir: Path = Field(
        default=Path("~/.eliza"),
        validation_alias=_names("ELIZA_STATE_DIR", "MILADY_STATE_DIR"),
        description="Folder of the database, datasets, jobs, optimized prompts and caches.",
    )
    cache_home: Path = Field(
        default=Path("~/.cache"),
        validation_alias="XDG_CACHE_HOME",
        description="Folder under which the demo keeps its LM answers between runs.",
    )
    database_url: str | None = Field(
        default=None,
        validation_alias="DATABASE_URL",
        description="postgresql://… or sqlite:///…; the default is whetstone.db in the state folder.",
    )

    # Edge
    host: str = Field(
        default="127.0.0.1",
        validation_alias=_names("ELIZA_API_BIND", "WHETSTONE_HOST"),
        description="Address to listen on. Any but a loopback address requires a token.",
    )
    port: int = Field(
        default=PRODUCTION_PORT,
        ge=0,
        le=65535,
        validation_alias="WHETSTONE_PORT",
        description="Port to listen on.",
    )
    api_token: SecretStr | None = Field(
        default=None,
        validation_alias=_names("ELIZA_API_TOKEN", "MILADY_API_TOKEN", "MILAIDY_API_TOKEN"),
        description="Token that every request must carry. Unset on loopback: open to this machine.",
    )
    server_shared_secret: SecretStr | None = Field(
        default=None,
        validation_alias="AGENT_SERVER_SHARED_SECRET",
        description="Second token, accepted in X-Server-Token only.",
    )
    disable_auto_api_token: bool = Field(
        default=False,
        validation_alias="ELIZA_DISABLE_AUTO_API_TOKEN",
        description="Do not generate a token on a non-loopback bind (requests are then refused).",
    )
    require_local_auth: bool = Field(
        default=False,
        validation_alias="ELIZA_REQUIRE_LOCAL_AUTH",
        description="Refuse tokenless requests from this machine too.",
    )
    allow_ws_query_token: bool = Field(
        default=False,
        validation_alias=_names("ELIZA_ALLOW_WS_QUERY_TOKEN", "MILADY_ALLOW_WS_QUERY_TOKEN"),
        description="Accept ?token= on WebSocket upgrades and event streams.",
    )
    allowed_origins: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        validation_alias="WHETSTONE_ALLOWED_ORIGINS",
        description="Extra browser origins, comma-separated; loopback origins are always allowed.",
    )
    allowed_hosts: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        validation_alias="WHETSTONE_ALLOWED_HOSTS",
        description="Extra values of the Host header, comma-separated.",
    )
    allow_null_origin: bool = Field(
        default=False,
        validation_alias="WHETSTONE_ALLOW_NULL_ORIGIN",
        description="Accept the literal origin null (sandboxed frames).",
    )
    max_body_bytes: int = Field(
        default=1_048_576,
        ge=1024,
        validation_alias="WHETSTONE_MAX_BODY_BYTES",
        description="Limit of a request body.",
    )
    max_ingest_body_bytes: int = Field(
        default=33_554_432,
        ge=1024,
        validation_alias="WHETSTONE_MAX_INGEST_BODY_BYTES",
        description="Limit of a body that carries trajectories.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info",
        validation_alias="WHETSTONE_LOG_LEVEL",
        description="Least severe message that is logged.",
    )
    log_format: Literal["console", "json"] = Field(
        default="console",
        validation_alias="WHETSTONE_LOG_FORMAT",
        description="Log lines for people or machines.",
    )

    # Trajectories
    disable_trajectory_logging: bool = Field(
        default=False,
        validation_alias="ELIZA_DISABLE_TRAJECTORY_LOGGING",
        description="Store no trajectories, whatever the runtime switch says.",
    )
    node_env: str | None = Field(
        default=None, validation_alias="NODE_ENV", description="`test` stores no trajectories."
    )
    trajectory_timeout_minutes: float = Field(
        default=60,
        gt=0,
        validation_alias="WHETSTONE_TRAJECTORY_TIMEOUT_MINUTES",
        description="An active trajectory without news for this long becomes `timeout`.",
    )
    retention_days: float | None = Field(
        default=None,
        gt=0,
        validation_alias="WHETSTONE_RETENTION_DAYS",
        description="Delete trajectories without news for this many days, but none marked as training data. "
        "Unset: nothing is deleted.",
    )
    ingest_queue_calls: int = Field(
        default=50_000,
        ge=1,
        validation_alias="WHETSTONE_INGEST_QUEUE_CALLS",
        description="LM calls that may wait to be stored; beyond that, requests are answered with 429.",
    )

    # Jobs
    max_running_jobs: int = Field(
        default=1,
        ge=1,
        validation_alias="WHETSTONE_MAX_RUNNING_JOBS",
        description="Jobs at once; the rest wait.",
    )
    max_job_attempts: int = Field(
        default=3,
        ge=1,
        validation_alias="WHETSTONE_MAX_JOB_ATTEMPTS",
        description="Starts of one job after crashes.",
    )

    # Privacy
    privacy_deny_list: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        validation_alias="WHETSTONE_PRIVACY_DENY_LIST",
        description="Words that must never reach training data (customers, hosts, projects), comma-separated; "
        "@/path/to/file stands for the lines of a file.",
    )
    privacy_allow_list: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        validation_alias="WHETSTONE_PRIVACY_ALLOW_LIST",
        description="Values that are not private (a public support address), comma-separated, matched as a whole; "
        "*.example.com allows all its hosts (wildcards never allow credentials), @/path/to/file the lines of a file.",
    )
    privacy_patterns: str | None = Field(
        default=None,
        validation_alias="WHETSTONE_PRIVACY_PATTERNS",
        description="Own patterns in the syntax of RE2, as JSON or the path of a JSON or TOML file: "
        '{"order-id": "ORD-[0-9]{8}"} makes <REDACTED:order-id>. A group (?P<value>…) is replaced alone.',
    )
    privacy_private_entities: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        validation_alias="WHETSTONE_PRIVACY_PRIVATE_ENTITIES",
        description="Entity ids or @handles whose trajectories never become training data, comma-separated.",
    )
    privacy_hash_handles: bool = Field(
        default=True,
        validation_alias="WHETSTONE_PRIVACY_HASH_HANDLES",
        description="Replace @handles, which are personal data, by a salted hash, equal for equal handles.",
    )
    privacy_salt: SecretStr | None = Field(
        default=None,
        validation_alias="WHETSTONE_PRIVACY_SALT",
        description="Salt of that hash, and key of the surrogates; the default is made once and kept in the state folder.",
    )
    privacy_replacement: Literal["pseudonym", "surrogate"] = Field(
        default="pseudonym",
        validation_alias="WHETSTONE_PRIVACY_REPLACEMENT",
        description="`pseudonym`: <PERSON_1>, the same all over one trajectory; `surrogate`: invented values that look "
        "real, the same in all trajectories. Credentials get labels either way.",
    )
    privacy_seed: int = Field(
        default=0,
        validation_alias="WHETSTONE_PRIVACY_SEED",
        description="Seed of the surrogates; another one invents others.",
    )
    privacy_policy: str = Field(
        default="standard",
        validation_alias="WHETSTONE_PRIVACY_POLICY",
        description="How trajectories are filtered: `standard`, or `strict` (needs the names models; a dataset in "
        "which a second scan still finds something is not built).",
    )
    privacy_policies: str = Field(
        default="",
        validation_alias="WHETSTONE_PRIVACY_POLICIES",
        description="Policies by source and agent as JSON; `off-for-own-data` needs a reason: "
        '{"source:eliza": "strict", "agent:my-bot": {"policy": "off-for-own-data", "reason": "made-up users only"}}',
    )
    privacy_disabled_detectors: Annotated[list[str], NoDecode] = Field(
        default_factory=list,
        validation_alias="WHETSTONE_PRIVACY_DISABLED_DETECTORS",
        description="Kinds of personal data to leave in, comma-separated; every report names them. Credentials cannot be.",
    )
    privacy_names: Literal["auto", "on", "off"] = Field(
        default="auto",
        validation_alias="WHETSTONE_PRIVACY_NAMES",
        description="Look for names of persons, places and organisations with the local models: `auto` does when they "
        "are installed, `on` refuses to filter without them.",
    )

    # Auto-training
    disable_auto_bootstrap: bool = Field(
        default=False,
        validation_alias="ELIZA_DISABLE_AUTO_BOOTSTRAP",
        description="No automatic optimization at boot.",
    )

    @field_validator(
        "allowed_origins",
        "allowed_hosts",
        "privacy_deny_list",
        "privacy_allow_list",
        "privacy_private_entities",
        "privacy_disabled_detectors",
        mode="before",
    )
    @classmethod
    def _split_commas(cls, value: Any) -> Any:
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        return value

    @field_validator("state_dir", "cache_home", mode="after")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @property
    def trajectory_logging_forced_off(self) -> bool:
        """Whether the environment forbids storing trajectories."""
        return self.disable_trajectory_logging or self.node_env == "test"

    @property
    def user_cache_dir(self) -> Path:
        """Folder for what may be lost without harm."""
        return self.cache_home / "whetstone"

    @property
    def training_dir(self) -> Path:
        """Folder of datasets, jobs and runs."""
        return self.state_dir / "training"

    @property
    def optimized_prompts_dir(self) -> Path:
        """Folder of the prompt artifacts, one folder a task."""
        return self.state_dir / "optimized-prompts"

    def child_environment(
        self, *, without: Collection[str] = (), same_machine: bool = True
    ) -> dict[str, str]:
        """Environment for a child process that shall have these settings, and nothing else of ours.

        Holds what a program needs to run at all (PATH, HOME, locale…; not for one on another machine) and every
        setting by its first name, but those whose fields `without` names.
        """
        variables = environment(_INHERITED) if same_machine else {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if name in without or value is None or value in ([], {}):
                continue
            alias = field.validation_alias
            variable = str(alias.choices[0] if isinstance(alias, AliasChoices) else alias)
            variables[variable] = _environment_text(value)
        return variables

    def sqlalchemy_url(self) -> str:
        """The database URL with the async driver of its dialect."""
        url = self.database_url
        if url is None:
            return f"sqlite+aiosqlite:///{self.state_dir / 'whetstone.db'}"
        scheme, separator, rest = url.partition("://")
        if not separator:
            msg = "DATABASE_URL must look like postgresql://user@host/name or sqlite:///path"
            raise ValueError(msg)
        driver = {
            "sqlite": "sqlite+aiosqlite",
            "postgres": "postgresql+asyncpg",
            "postgresql": "postgresql+asyncpg",
        }.get(scheme, scheme)
        return f"{driver}://{rest}"


def _environment_text(value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(map(str, value))
    if isinstance(value, dict):
        return orjson.dumps(value).decode()
    return str(value)


def environment(names: Collection[str]) -> dict[str, str]:
    """Those of the named environment variables that are set."""
    return {name: os.environ[name] for name in names if name in os.environ}


def secret_environment_values() -> dict[str, str]:
    """Values of environment variables whose name says that they are secret, by name.

    Source: the privacy filter of the wire contract (§11.2): names that hold KEY, TOKEN, SECRET, PASSWORD, API
    or CREDENTIAL, values of at least 8 characters.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if _SECRET_NAME.search(name) and len(value) >= _MIN_SECRET_LENGTH
    }
