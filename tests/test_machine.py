"""What this process may use of the machine, read from made-up control groups and, once, from the real system."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from whetstone.machine import memory_available, memory_limit, usable_cores

MIB = 1 << 20
linux = pytest.mark.skipif(sys.platform != "linux", reason="control groups are Linux's")


def system(root: Path, groups: str, files: dict[str, str | int]) -> Path:
    """A root folder with `/proc/self/cgroup` and files below `/sys/fs/cgroup`."""
    write(root / "proc/self/cgroup", groups)
    for name, content in files.items():
        write(root / "sys/fs/cgroup" / name, f"{content}\n")
    return root


def write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def one_core_for_all(root: Path) -> None:
    for cpu in os.sched_getaffinity(0):
        topology = root / f"sys/devices/system/cpu/cpu{cpu}/topology"
        write(topology / "core_id", "3\n")
        write(topology / "physical_package_id", "0\n")


def test_the_real_system_answers() -> None:
    assert 1 <= usable_cores() <= (psutil.cpu_count() or 1)
    assert 0 < memory_available() <= memory_limit() <= psutil.virtual_memory().total


@linux
def test_affinity_bounds_the_cores() -> None:
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); from whetstone.machine import usable_cores; print(usable_cores())"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "1\n"


@linux
def test_hyperthreads_of_one_core_count_once(tmp_path: Path) -> None:
    one_core_for_all(tmp_path)
    assert usable_cores(tmp_path) == 1


@linux
@pytest.mark.parametrize(
    ("quota", "cores"), [("max 100000", None), ("100000 100000", 1), ("20000 100000", 1)]
)
def test_a_quota_bounds_the_cores(tmp_path: Path, quota: str, cores: int | None) -> None:
    root = system(tmp_path, "0::/box\n", {"box/cpu.max": quota})
    assert usable_cores(root) == (cores or len(os.sched_getaffinity(0)))


@linux
@pytest.mark.parametrize(("quota", "cores"), [(-1, None), (150_000, 1)])
def test_a_quota_of_the_first_version_does_too(tmp_path: Path, quota: int, cores: int | None) -> None:
    files: dict[str, str | int] = {"cpu/box/cpu.cfs_quota_us": quota, "cpu/box/cpu.cfs_period_us": 100_000}
    root = system(tmp_path, "4:cpu,cpuacct:/box\n", files)
    assert usable_cores(root) == (cores or len(os.sched_getaffinity(0)))


def test_the_smallest_limit_of_all_levels_binds(tmp_path: Path) -> None:
    files: dict[str, str | int] = {
        "a/b/memory.max": "max",
        "a/memory.max": 64 * MIB,
        "a/memory.current": 50 * MIB,
        "a/memory.stat": f"anon 1\ninactive_file {20 * MIB}\nactive_file 5",
    }
    root = system(tmp_path, "0::/a/b\n", files)
    assert memory_limit(root) == 64 * MIB
    assert memory_available(root) == 34 * MIB


def test_limits_of_the_first_version(tmp_path: Path) -> None:
    files: dict[str, str | int] = {
        "memory/box/memory.limit_in_bytes": 32 * MIB,
        "memory/box/memory.usage_in_bytes": 40 * MIB,
        "memory/memory.limit_in_bytes": 9_223_372_036_854_771_712,
    }
    root = system(tmp_path, "9:name=systemd:/\n4:memory:/box\n0::/\n", files)
    assert memory_limit(root) == 32 * MIB
    assert memory_available(root) == 0


def test_inside_a_container_the_mounted_root_is_the_containers_own_group(tmp_path: Path) -> None:
    root = system(tmp_path, "0::/../../kubepods/pod1\n", {"memory.max": 48 * MIB})
    assert memory_limit(root) == 48 * MIB


def test_without_control_groups_the_machine_is_the_limit(tmp_path: Path) -> None:
    assert memory_limit(tmp_path) == psutil.virtual_memory().total
