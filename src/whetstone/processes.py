"""Naming a process for ever: a pid alone is soon given to another process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import psutil


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process by pid, start time and boot.

    `start_time` is in clock ticks since boot on Linux, in seconds since the epoch elsewhere.
    """

    pid: int
    start_time: float
    boot_id: str

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """The process that has `pid` now; None when there is none."""
        try:
            return cls(pid, _start_time(pid), _boot_id())
        except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
            return None

    @classmethod
    def parse(cls, value: Mapping[str, Any]) -> Self | None:
        """An identity from its JSON form; None when it is not one."""
        match value:
            case {"pid": int(pid), "startTime": int() | float() as start_time, "bootId": str(boot_id)}:
                return cls(pid, float(start_time), boot_id)
        return None

    def to_dict(self) -> dict[str, Any]:
        """The JSON form: `{pid, startTime, bootId}`."""
        pid, start_time, boot_id = asdict(self).values()
        return {"pid": pid, "startTime": start_time, "bootId": boot_id}

    def exists(self) -> bool:
        """Whether this very process is there, be it as a zombie."""
        return ProcessIdentity.of(self.pid) == self

    def is_alive(self) -> bool:
        """Whether this very process is there and runs."""
        try:
            return self.exists() and psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def may_own_group(self) -> bool:
        """Whether the process group with this number, if there is one, is this process's.

        While a group has members its number is given to no other process. So if the pid belongs to somebody
        else, or the machine was restarted, the group is gone.
        """
        holder = ProcessIdentity.of(self.pid)
        return self.boot_id == _boot_id() and (holder is None or holder == self)


def _start_time(pid: int) -> float:
    stat = Path("/proc") / str(pid) / "stat"
    if stat.parent.parent.joinpath("stat").exists():
        # Ticks since boot: unlike psutil's seconds since the epoch they stay when the clock is set.
        return float(stat.read_bytes().rpartition(b")")[2].split()[19])
    return psutil.Process(pid).create_time()


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return str(int(psutil.boot_time()))
