"""What the service must know of the fine-tuning backends, without their libraries: options, checks, dry run."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import structlog

from whetstone.errors import (
    ConflictError,
    InvalidInputError,
    NotAvailableError,
    UnavailableError,
    WhetstoneError,
)
from whetstone.finetune.backends import availability, require
from whetstone.finetune.bases.names import find_base
from whetstone.finetune.on_mlx.limits import check_mlx_options
from whetstone.finetune.on_torch.limits import check_gpus, check_torch_options
from whetstone.finetune.spec import FineTuneSpec
from whetstone.jobs.launchers.environment import worker_environment
from whetstone.jobs.options import check_task, picked
from whetstone.machine import usable_cores
from whetstone.settings import Settings

ESTIMATE_SECONDS = 120.0
"""How long a dry run may take; the first one on a base model may have to prepare it."""

_REFUSALS: dict[int, type[WhetstoneError]] = {
    each.status: each for each in (InvalidInputError, ConflictError, NotAvailableError, UnavailableError)
}
_EXCEPTION = re.compile(r"[A-Za-z_][\w.]{0,99}(?=:|$)")

_log = structlog.get_logger(__name__)


def finetune_options(body: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of `body` that a fine-tuning job knows, checked; null and blank text count as absent."""
    given = picked(body, FineTuneSpec.option_names())
    if isinstance(task := given.get("task"), str):
        given["task"] = task.strip()
    finetune_spec(given, "", Path(), "", Path())
    if (task := given.get("task")) is not None:
        check_task(task)
    return given


def finetune_spec(
    options: Mapping[str, Any], job_id: str, job_dir: Path, dataset_id: str, dataset_dir: Path
) -> FineTuneSpec:
    """The specification of a job; of a stored job's options those that are its own."""
    known = FineTuneSpec.option_names()
    own = {key: value for key, value in options.items() if key in known}
    return FineTuneSpec.parse(own, job_id, job_dir, dataset_id, dataset_dir)


def check_finetuning(options: Mapping[str, Any], settings: Settings) -> None:
    """Raise `InvalidInputError` when this machine lacks the backend or the base model, or the options do not go
    together or with them. Looks at files and programs of the machine, so it takes a moment.
    """
    spec = finetune_spec(options, "", Path(), "", Path())
    require(spec.backend, settings)
    if spec.backend == "mlx":
        check_mlx_options(spec)
    else:
        check_torch_options(spec)
    if spec.backend == "cuda" and spec.processes > 1:
        check_gpus(spec, len(availability(settings)["cuda"].devices))
    find_base(spec.model, settings)


def check_material(method: str, record: Mapping[str, Any]) -> None:
    """Raise `InvalidInputError` when a ready dataset's record says that it has nothing to learn from by this method."""
    name, counts = record["id"], record["preferenceCounts"]
    if method == "sft":
        if not record["sampleCount"]:
            raise InvalidInputError(f"Dataset {name} has no rows to learn from")
    elif method == "dpo":
        if counts.get("pairs") == 0:
            raise InvalidInputError(
                f"Dataset {name} has no pairs of a better and a worse answer, which method dpo learns from; "
                "correct answers or reward several to the same question, or use method kto or sft"
            )
    elif counts.get("chosen") == 0 and counts.get("rejected") == 0:
        raise InvalidInputError(
            f"Dataset {name} has no answers that are known to be good or bad, which method kto learns from; "
            "reward or correct some, or use method sft"
        )


def finetuning_environment(settings: Settings) -> dict[str, str]:
    """Variables of a worker that trains, for native libraries that read them when they are loaded."""
    return {
        "OMP_NUM_THREADS": str(settings.train_threads or usable_cores()),
        "OMP_WAIT_POLICY": "PASSIVE",  # waiting threads sleep: on a shared machine spinning costs the others
        "TOKENIZERS_PARALLELISM": "false",
    }


async def estimate_finetuning(
    options: Mapping[str, Any], dataset_id: str, dataset_dir: Path, settings: Settings
) -> dict[str, Any]:
    """Rows, tokens, steps, and about how much time and memory a job would take.

    Computed in a process of its own, as its libraries are not for the server's; the process ends with this
    call, however that ends. Raises what the job would be refused for, and `UnavailableError` when it takes too long.
    """
    with tempfile.TemporaryDirectory(prefix="whetstone-estimate-") as folder:
        spec = finetune_spec(options, "estimate", Path(folder) / "job", dataset_id, dataset_dir)
        path = Path(folder) / "spec.json"
        await asyncio.to_thread(path.write_bytes, spec.model_dump_json(by_alias=True).encode())
        variables = worker_environment(settings) | finetuning_environment(settings)
        return _answer(*await _output(path, variables))


async def _output(path: Path, variables: Mapping[str, str]) -> tuple[int, bytes, bytes]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "whetstone.finetune.estimate", str(path)),
        env=dict(variables),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(ESTIMATE_SECONDS):
            output, trouble = await process.communicate()
    except TimeoutError:
        raise UnavailableError(
            f"The dry run took more than {ESTIMATE_SECONDS:.0f} seconds, which reading many rows or unpacking a base "
            "model for the first time can; try a smaller dataset, or start the job"
        ) from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return process.returncode or 0, output, trouble


def _answer(code: int, output: bytes, trouble: bytes) -> dict[str, Any]:
    try:
        answer = orjson.loads(output)
    except orjson.JSONDecodeError:
        answer = None
    match answer:
        case {"error": str(sentence), "status": int(status)}:
            raise _REFUSALS.get(status, InvalidInputError)(sentence)
        case dict() if code == 0:
            return answer
    _log.error("a dry run failed", exit_code=code, exception=_exception(trouble))
    raise UnavailableError("The dry run failed unexpectedly; the service's log says more")


def _exception(trouble: bytes) -> str | None:
    """The type of the exception that ended a process, by what it wrote; its message may quote rows."""
    lines = trouble.decode(errors="replace").strip().splitlines() or [""]
    found = _EXCEPTION.match(lines[-1])
    return None if found is None else found[0]
