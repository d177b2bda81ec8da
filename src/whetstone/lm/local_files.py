"""What the embedded model's server and its users share on disk, in `<state>/run/`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import orjson
import psutil

from whetstone.files import write_json
from whetstone.processes import ProcessIdentity


@dataclass(frozen=True)
class RunFiles:
    """Paths: `record` says who serves where, `lease` is touched by users, `lock` is held by the server for life."""

    record: Path
    lease: Path
    lock: Path
    log: Path

    @classmethod
    def under(cls, state_dir: Path) -> Self:
        """The files of one state folder."""
        run = state_dir / "run"
        return cls(
            record=run / "local-lm.json",
            lease=run / "local-lm.lease",
            lock=run / "local-lm.lock",
            log=run / "local-lm.log",
        )


@dataclass(frozen=True)
class ModelOptions:
    """What a server was started with: GGUF file, threads, requests at once, context tokens of each."""

    model: str
    threads: int
    parallel: int
    context: int


@dataclass(frozen=True)
class ServerRecord:
    """A running server."""

    identity: ProcessIdentity
    port: int
    options: ModelOptions

    @property
    def base_url(self) -> str:
        """Base URL of its OpenAI-compatible API."""
        return f"http://127.0.0.1:{self.port}/v1"

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """The record at `path`; None when there is none or it is unreadable."""
        try:
            value = orjson.loads(path.read_bytes())
            options = ModelOptions(**{name: value[name] for name in ModelOptions.__annotations__})
            identity = ProcessIdentity.parse(value)
            return cls(identity, value["port"], options) if identity is not None else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, path: Path) -> None:
        """Replace `path` atomically."""
        write_json(path, {**self.identity.to_dict(), "port": self.port, **asdict(self.options)})

    def process(self) -> psutil.Process | None:
        """Its process, if that still runs."""
        try:
            return psutil.Process(self.identity.pid) if self.identity.is_alive() else None
        except psutil.NoSuchProcess:
            return None
