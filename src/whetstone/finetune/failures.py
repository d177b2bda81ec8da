"""What goes wrong with a machine while it trains, in sentences that say what to do."""

from __future__ import annotations

import contextlib
import errno
import re
from collections.abc import Iterator
from pathlib import Path

from whetstone.errors import UnavailableError, WhetstoneError
from whetstone.finetune.spec import FineTuneSpec
from whetstone.machine import free_bytes, size_text

_OUT_OF_MEMORY = re.compile(
    r"out of memory|can't allocate memory|Unable to allocate|std::bad_alloc", re.IGNORECASE
)
_NO_SPACE = "No space left on device"
_SAVING = "Lower batchSize (with gradientAccumulation raised as much, the result is the same) or maxLength, or set gradientCheckpointing"


@contextlib.contextmanager
def explained(spec: FineTuneSpec) -> Iterator[None]:
    """Turns a full disk and exhausted memory into `UnavailableError` with a sentence."""
    try:
        yield
    except WhetstoneError:
        raise
    except Exception as error:
        if (sentence := _sentence(error, spec)) is None:
            raise
        raise UnavailableError(sentence) from error


def _sentence(error: Exception, spec: FineTuneSpec) -> str | None:
    """What to tell of an error that torch, MLX, safetensors or the system raised; None of one that nobody foresaw."""
    if is_full(error):
        return (
            f"The disk is full: {spec.job_dir} is on it. Make room and order the training again; a service's new job "
            "begins at the first step, the same `whetstone train` command goes on from its last checkpoint"
        )
    if isinstance(error, MemoryError) or _OUT_OF_MEMORY.search(str(error)):
        return f"The training ran out of memory. {_SAVING}"
    return None


def is_full(error: Exception) -> bool:
    """Whether the disk has no room left; also where a library tells it in its own words."""
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return full or _NO_SPACE in str(error)


def check_memory(needed: int, available: int, what: str) -> None:
    """Raises `UnavailableError` when a job that needs `needed` bytes cannot have them of `what`."""
    if needed > available:
        raise UnavailableError(
            f"The training would need about {size_text(needed)} of memory, and {what} has {size_text(available)} "
            f"to spare. {_SAVING}, or choose a smaller model"
        )


def check_disk(needed: int, folder: Path) -> None:
    """Raises `UnavailableError` when the disk under `folder` has fewer than `needed` bytes left."""
    free = free_bytes(folder)
    if needed > free:
        raise UnavailableError(
            f"The job would write about {size_text(needed)}, and {folder} has {size_text(free)} left. Make room, "
            "or ask for fewer exports"
        )
