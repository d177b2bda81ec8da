"""Whether the machine has room for a job, in memory and on disk, asked before it begins."""

from __future__ import annotations

from whetstone.finetune.backends import availability
from whetstone.finetune.bases.prepare import Base
from whetstone.finetune.failures import check_disk, check_memory
from whetstone.finetune.ground import Ground
from whetstone.finetune.on_torch.memory import estimate_memory
from whetstone.finetune.spec import FineTuneSpec
from whetstone.machine import memory_available
from whetstone.settings import Settings

# Of an adapter in float32: two checkpoints with their moments and the one being written, the best and its successor,
# and the forms in the model's folder.
_ADAPTERS_WRITTEN = 3 * 3 + 2 + 3


def needed_memory(ground: Ground, spec: FineTuneSpec) -> int:
    """About how many bytes the job takes, on the device that trains."""
    return estimate_memory(ground.base.config, spec, ground.longest, bf16=spec.backend == "cuda")


def check_machine(ground: Ground, spec: FineTuneSpec, settings: Settings) -> None:
    """Raises `UnavailableError` when the job would not fit into the memory that is free."""
    needed = needed_memory(ground, spec)
    if spec.backend != "cuda":
        available = memory_available()
        check_memory(needed, min(available, settings.train_memory_bytes or available), "this machine")
        return
    devices = availability(settings)["cuda"].devices
    sizes = [device.memory_bytes for device in devices if device.memory_bytes]
    if sizes:
        check_memory(needed // spec.processes, min(sizes), "the GPU")  # each process has one of its own


def check_room(spec: FineTuneSpec, base: Base, trainable: int) -> None:
    """Raises `UnavailableError` when the disk has no room for what a job with so many trainable weights writes."""
    needed = 4 * trainable * _ADAPTERS_WRITTEN
    if spec.exports:
        weights = sum(path.stat().st_size for path in base.folder.glob("*.safetensors"))
        needed += len(spec.exports) * weights
    check_disk(needed, spec.job_dir)
