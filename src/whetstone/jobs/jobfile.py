"""The folder of a job: what the server writes for the worker, and the worker for the server.

`job.json`      the order, written by the server before each attempt
`events.jsonl`  what the worker reports, one JSON object a line, only ever appended to
`output.log`    stdout and stderr of the worker
`result.json`   the backend's result, written before the final event
`best-so-far.json`  an artifact that nobody has tested, left by a native job that ends before its gate
`best/`         the best adapter so far of a job that trains weights
`metrics.jsonl` its figures, step by step
`cancel`        its presence tells the worker that the user wants it to end
`worker.json`   which process works here, written by the worker
`worker.lock`   held by the worker for life, so that there is never a second one
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import orjson

from whetstone import files
from whetstone.finetune.loop.checkpoints import BEST
from whetstone.finetune.loop.metrics import METRICS_FILE
from whetstone.optimize.spec import BEST_SO_FAR


@dataclass(frozen=True, slots=True)
class JobFolder:
    """Names of the files in the folder of a job."""

    path: Path

    @property
    def job(self) -> Path:
        return self.path / "job.json"

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def output(self) -> Path:
        return self.path / "output.log"

    @property
    def result(self) -> Path:
        return self.path / "result.json"

    @property
    def best_so_far(self) -> Path:
        return self.path / BEST_SO_FAR

    @property
    def best_adapter(self) -> Path:
        return self.path / BEST

    @property
    def metrics(self) -> Path:
        return self.path / METRICS_FILE

    @property
    def cancel(self) -> Path:
        return self.path / "cancel"

    @property
    def worker(self) -> Path:
        return self.path / "worker.json"

    @property
    def lock(self) -> Path:
        return self.path / "worker.lock"


@dataclass(frozen=True, slots=True)
class JobFile:
    """The order in `job.json`. `options` has the camelCase keys of the wire.

    A worker that `trains_weights` lets others go first, and ends when it takes too much memory. `events_offset`: where
    this attempt's part of `events.jsonl` begins, in bytes, for who has no database to note it in.
    """

    id: str
    attempt: int
    max_attempts: int
    backend: str
    entry: str
    options: dict[str, Any]
    dataset_id: str
    dataset_dir: Path
    job_dir: Path
    trains_weights: bool = False
    events_offset: int = 0

    def write(self) -> None:
        """Write it into the job's folder, whole or not at all."""
        content = asdict(self)
        files.write_json(
            JobFolder(self.job_dir).job,
            content | {"dataset_dir": str(self.dataset_dir), "job_dir": str(self.job_dir)},
        )

    @classmethod
    def read(cls, job_dir: Path) -> Self:
        """The order in a job's folder, wherever the folder lies now."""
        content = orjson.loads(JobFolder(job_dir).job.read_bytes())
        return cls(**{**content, "dataset_dir": Path(content["dataset_dir"]), "job_dir": job_dir})
