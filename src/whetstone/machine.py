"""How much of the machine this process may take: cores and memory, within the limits of its control groups, and disk.

A container sees the whole machine in `/proc`; what it may really use stands in its control groups (versions 1
and 2, kernel documentation `admin-guide/cgroup-v1` and `admin-guide/cgroup-v2`).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil

GIB = 2**30
_ROOT = Path("/")
_NO_LIMIT = 1 << 60  # version 1 writes "no limit" as a number near 2**63


def usable_cores(root: Path = _ROOT) -> int:
    """Physical cores that this process may keep busy, at least 1: hyperthreads of one core count once.

    Bounded by the process's CPU affinity and the CPU quota of its control groups.
    """
    if not hasattr(os, "sched_getaffinity"):
        return psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    cores = {_core(cpu, root) for cpu in os.sched_getaffinity(0)}
    quotas = [quota for group in _groups("cpu", root) if (quota := _cpu_quota(group)) is not None]
    return max(1, min([len(cores), *(int(quota) for quota in quotas)]))


def memory_limit(root: Path = _ROOT) -> int:
    """Bytes of memory that this process can have at most: the machine's, or a smaller limit of its control groups."""
    limits = [limit for group in _groups("memory", root) if (limit := _memory_limit(group)) is not None]
    return min([psutil.virtual_memory().total, *limits])


def memory_available(root: Path = _ROOT) -> int:
    """Bytes that may be taken now without swapping and without passing a limit; file caches count as free."""
    free = [psutil.virtual_memory().available]
    for group in _groups("memory", root):
        limit = _memory_limit(group)
        used = _number(group / "memory.current") or _number(group / "memory.usage_in_bytes")
        if limit is not None and used is not None:
            free.append(limit - used + _reclaimable(group))
    return max(0, min(free))


def _core(cpu: int, root: Path) -> tuple[int, int, int]:
    """Which core of which socket a logical CPU belongs to; a core of its own where the system does not say."""
    topology = root / f"sys/devices/system/cpu/cpu{cpu}/topology"
    socket, core = _number(topology / "physical_package_id"), _number(topology / "core_id")
    return (-1, -1, cpu) if core is None else (socket or 0, core, 0)


def _groups(controller: str, root: Path) -> Iterator[Path]:
    """This process's control groups of that controller, from its own up to the hierarchy's root: all of them bind.

    Inside a container the path may be that of the host, of which only the root is mounted.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            mount = root / "sys/fs/cgroup"
        elif controller in controllers.split(","):
            mount = root / "sys/fs/cgroup" / controller
        else:
            continue
        parts = [part for part in path.split("/") if part not in {"", ".."}]
        for depth in range(len(parts), -1, -1):
            yield mount.joinpath(*parts[:depth])


def _cpu_quota(group: Path) -> float | None:
    """CPUs' worth of time that the group may use; None: no quota."""
    try:
        quota, period = (group / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        microseconds, period_us = _number(group / "cpu.cfs_quota_us"), _number(group / "cpu.cfs_period_us")
        if microseconds is None or not period_us or microseconds < 0:
            return None
        return microseconds / period_us


def _memory_limit(group: Path) -> int | None:
    limit = _number(group / "memory.max")
    if limit is None:
        limit = _number(group / "memory.limit_in_bytes")
    return limit if limit is not None and limit < _NO_LIMIT else None


def _reclaimable(group: Path) -> int:
    """Bytes of file cache that the kernel drops first when the group needs memory."""
    try:
        lines = (group / "memory.stat").read_text().splitlines()
        counts = dict(line.split() for line in lines)
        return int(counts.get("total_inactive_file") or counts.get("inactive_file") or 0)
    except (OSError, ValueError):
        return 0


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # absent, or "max"
        return None


def free_bytes(folder: Path) -> int:
    """Bytes that may still be written below `folder`, which need not exist yet."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def size_text(count: int) -> str:
    """A number of bytes for a person: "1.5 GiB", "12.0 MiB"."""
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count / 2**20:.1f} MiB"
