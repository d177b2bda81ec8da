"""Whether the machine has room for a job, asked before it begins."""

from __future__ import annotations

from whetstone.finetune.backends import availability
from whetstone.finetune.failures import check_memory
from whetstone.finetune.ground import Ground
from whetstone.finetune.on_torch.memory import estimate_memory
from whetstone.finetune.spec import FineTuneSpec
from whetstone.machine import memory_available
from whetstone.settings import Settings


def needed_memory(ground: Ground, spec: FineTuneSpec) -> int:
    """About how many bytes the job takes, on the device that trains."""
    return estimate_memory(ground.base.config, spec, ground.longest)


def check_machine(ground: Ground, spec: FineTuneSpec, settings: Settings) -> None:
    """Raises `UnavailableError` when the job would not fit into the memory that is free."""
    needed = needed_memory(ground, spec)
    if spec.backend != "cuda":
        limit = settings.train_memory_gb
        available = memory_available()
        check_memory(
            needed, available if limit is None else min(available, int(limit * 2**30)), "this machine"
        )
        return
    devices = availability(settings)["cuda"].devices
    sizes = [device.memory_bytes for device in devices if device.memory_bytes]
    if sizes:
        check_memory(needed, min(sizes), "the GPU")
