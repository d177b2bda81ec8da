"""Where the torch engine runs: device, number format, threads."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import torch

from whetstone.errors import InvalidInputError
from whetstone.finetune.spec import FineTuneSpec
from whetstone.machine import usable_cores
from whetstone.settings import Settings


@dataclass(frozen=True, slots=True)
class Placement:
    """`device` and `dtype` of the base weights (the adapter is always fp32), and CPU threads of this process."""

    device: Any
    dtype: Any
    threads: int


def place(spec: FineTuneSpec, settings: Settings, rank: int = 0) -> Placement:
    """The place of process `rank` of `spec.processes`; sets torch's threads.

    Raises `InvalidInputError` where the job wants a GPU that is not there.
    """
    if spec.backend == "cuda":
        _need_gpus(spec.processes)
        torch.cuda.set_device(rank)
        device = torch.device("cuda", rank)
    else:
        device = torch.device("cpu")
    threads = max(
        1, (settings.train_threads or usable_cores()) // (1 if spec.backend == "cuda" else spec.processes)
    )
    torch.set_num_threads(threads)
    if torch.get_num_interop_threads() != 1:
        with contextlib.suppress(RuntimeError):  # some parallel work has run: the pool stays as it is, idle
            torch.set_num_interop_threads(1)
    return Placement(device, _dtype(spec), threads)


def _need_gpus(count: int) -> None:
    if not torch.cuda.is_available():
        raise InvalidInputError(
            "No CUDA device is there: use backend cpu, or install torch with CUDA and a driver"
        )
    there = torch.cuda.device_count()
    if there < count:
        raise InvalidInputError(
            f"processes is {count}, but there are {there} CUDA devices: one process needs one"
        )


def _dtype(spec: FineTuneSpec) -> Any:
    if spec.precision != "auto":
        return torch.bfloat16 if spec.precision == "bf16" else torch.float32
    if spec.backend == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    return torch.bfloat16 if cpu_has_bf16() else torch.float32


def cpu_has_bf16() -> bool:
    """True where the CPU multiplies bf16 in hardware. Elsewhere bf16 runs at a seventh of the speed of fp32, though
    `torch.ops.mkldnn._is_mkldnn_bf16_supported()` says that it is supported.
    """
    return any(
        bool(getattr(torch.cpu, name, lambda: False)())
        for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    )
