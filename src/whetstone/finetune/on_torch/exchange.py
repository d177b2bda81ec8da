"""Memory that the processes of one data-parallel job share, to add their gradients up in."""

from __future__ import annotations

import mmap
import os
import tempfile
from typing import Any

import numpy as np
import torch


def reserve() -> int:
    """A file descriptor of memory that has no name, so that only processes which inherit it have it."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("whetstone-gradients")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class Exchange:
    """A row of fp32 numbers for each process; the first also takes the sum."""

    def __init__(self, descriptor: int, processes: int, numbers: int) -> None:
        os.ftruncate(descriptor, 4 * processes * numbers)  # the same in each process, whoever comes first
        self._memory = mmap.mmap(descriptor, 4 * processes * numbers)
        self._rows = torch.from_numpy(np.frombuffer(self._memory, np.float32).reshape(processes, numbers))

    def put(self, rank: int, values: Any) -> None:
        """Write this process's row."""
        self._rows[rank].copy_(values)

    def add_up(self) -> None:
        """Add all rows into the first, in the order of their processes."""
        for row in self._rows[1:]:
            self._rows[0] += row

    def take(self, into: Any) -> None:
        """Read the sum."""
        into.copy_(self._rows[0])
