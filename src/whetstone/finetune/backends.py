"""Which training backends this machine has, why not the others, and on what they would run.

Runs in the server's process: it looks for installed packages, reads version files and asks the driver's tool, and
imports neither torch nor MLX. What it says is cheap to know, and the job's process has the last word.
"""

from __future__ import annotations

import csv
import importlib.metadata
import importlib.util
import platform
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from whetstone.errors import InvalidInputError
from whetstone.finetune.on_mlx import blas
from whetstone.machine import memory_limit, usable_cores
from whetstone.settings import Settings, environment

_KEEP_SECONDS = 15.0
_TOOL_SECONDS = 5.0
_MIB = 1 << 20

_TORCH = {"torch": (2, 9), "transformers": (5, 0), "peft": (0, 18), "safetensors": (0, 6)}
_MLX = {"mlx": (0, 30), "mlx_lm": (0, 30), "transformers": (5, 0), "safetensors": (0, 6)}
_UNPACKING = ("torch", "gguf")  # what a GGUF base, such as the embedded one, needs on every backend
# Oldest drivers for CUDA's major versions (NVIDIA, CUDA compatibility: minor version compatibility).
_OLDEST_DRIVER = {"12": 525, "13": 580}

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Device:
    """A processor or an accelerator. `memory_bytes`: what a job can have at most; None: not known.

    `cores`: of a processor, the physical cores that a job may keep busy.
    """

    name: str
    memory_bytes: int | None
    cores: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """`{name, memoryBytes}`, and `cores` of a processor."""
        content: dict[str, Any] = {"name": self.name, "memoryBytes": self.memory_bytes}
        return content if self.cores is None else {**content, "cores": self.cores}


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a backend can run here. `reason`: why not, and what to do; `notes`: what its user should know."""

    available: bool
    reason: str | None = None
    devices: tuple[Device, ...] = ()
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """`{available, reason, devices, notes}`."""
        return {
            "available": self.available,
            "reason": self.reason,
            "devices": [device.to_dict() for device in self.devices],
            "notes": list(self.notes),
        }


class _Remembered:
    """The last answer, for some seconds: the dashboard asks often, and asking the driver takes half a second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answer: dict[str, Availability] = {}
        self._asked: tuple[float, int | None] | None = None

    def get(self, settings: Settings) -> dict[str, Availability]:
        with self._lock:  # those who come meanwhile get the same answer
            now, threads = time.monotonic(), settings.train_threads
            if self._asked is None or now - self._asked[0] > _KEEP_SECONDS or self._asked[1] != threads:
                self._answer = _look(settings)
                self._asked = now, threads
            return dict(self._answer)

    def forget(self) -> None:
        with self._lock:
            self._asked = None


_remembered = _Remembered()


def availability(settings: Settings) -> dict[str, Availability]:
    """Every backend by name: `native`, `mlx`, `cuda`, `cpu`. Never raises; remembered for some seconds, thread-safe.

    May take seconds when the driver does not answer, so call it in a thread.
    """
    return _remembered.get(settings)


def forget() -> None:
    """Look again at the next call, as after an installation."""
    _remembered.forget()


def require(backend: str, settings: Settings) -> None:
    """Raises `InvalidInputError` with the contract's sentence (§6.8), and the reason, when `backend` cannot run."""
    known = availability(settings)
    found = known.get(backend)
    if found is not None and found.available:
        return
    names = ", ".join(name for name, each in known.items() if each.available)
    reason = f" {found.reason}" if found is not None and found.reason else ""
    raise InvalidInputError(
        f"Backend '{backend}' is not available on this system. Available backends: {names}.{reason}"
    )


def _look(settings: Settings) -> dict[str, Availability]:
    probes: dict[str, Callable[[Settings], Availability]] = {
        "native": _native,
        "mlx": _mlx,
        "cuda": _cuda,
        "cpu": _cpu,
    }
    return {name: _safely(probe, settings) for name, probe in probes.items()}


def _safely(probe: Callable[[Settings], Availability], settings: Settings) -> Availability:
    try:
        return probe(settings)
    except Exception as error:  # a broken installation can raise anything; the others still count
        _log.warning("backend could not be looked at", probe=probe.__name__, error=repr(error))
        return Availability(
            False, f"It could not be looked at ({type(error).__name__}); see the service's log."
        )


def _native(_: Settings) -> Availability:
    return Availability(True, notes=("Optimizes prompts; no weights are trained.",))


def _cpu(settings: Settings) -> Availability:
    missing = _missing(_TORCH, "cpu")
    return Availability(missing is None, missing, (_processor(settings),), _unpacking_notes())


def _cuda(_: Settings) -> Availability:
    devices, driver, trouble = _nvidia()
    reason = trouble or _missing(_TORCH, "cuda") or _wrong_build(driver)
    notes = _unpacking_notes()
    if not _installed("bitsandbytes"):
        notes += ("Training over 4-bit weights needs bitsandbytes: run `pip install 'whetstone[cuda]'`.",)
    return Availability(reason is None, reason, devices, notes)


def _mlx(settings: Settings) -> Availability:
    on_apple = sys.platform == "darwin" and platform.machine() == "arm64"
    if not on_apple and sys.platform != "linux":
        return Availability(False, "MLX runs on Apple Silicon and, for trying out, on Linux.")
    device = _processor(settings)
    if (missing := _missing(_MLX, "mlx")) is not None:
        return Availability(False, missing, (device,) if on_apple else ())
    if on_apple:
        return Availability(True, None, (device,), _unpacking_notes())
    if not any((folder / "lib/libmlx.so").is_file() for folder in _folders("mlx")):
        return Availability(False, "MLX has no core library here. Run `pip install 'mlx[cpu]'`.")
    notes: tuple[str, ...] = ("MLX's CPU build: for trying out, at about half of torch's speed.",)
    if not blas.is_installed():
        notes += (
            "OpenBLAS is missing, so it is many times slower still: run `apt-get install libopenblas0-pthread`.",
        )
    return Availability(True, None, (device,), notes + _unpacking_notes())


def _missing(needed: dict[str, tuple[int, int]], extra: str) -> str | None:
    """A sentence about packages that are absent or too old; None: all there. Nothing is imported."""
    command = f"Run `pip install 'whetstone[{extra}]'`."
    if absent := [name for name in needed if not _installed(name)]:
        verb = "is" if len(absent) == 1 else "are"
        return f"{_listed(absent)} {verb} not installed. {command}"
    for name, oldest in needed.items():
        version = _version(name)
        numbers = tuple(int(number) for number in re.findall(r"\d+", version or "")[:2])
        if numbers and numbers < oldest:
            return f"{name} {version} is too old, {'.'.join(map(str, oldest))} is needed. {command}"
    return None


def _unpacking_notes() -> tuple[str, ...]:
    absent = [name for name in _UNPACKING if not _installed(name)]
    if not absent:
        return ()
    return (
        f"GGUF base models, the embedded one too, need {_listed(absent)}: run `pip install {' '.join(absent)}`.",
    )


def _installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):  # ValueError: half imported
        return False


def _folders(name: str) -> list[Path]:
    spec = importlib.util.find_spec(name)
    return [Path(folder) for folder in (spec.submodule_search_locations or [])] if spec is not None else []


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _wrong_build(driver: str | None) -> str | None:
    """Why the installed torch cannot use an NVIDIA device, from its version file; None: it can."""
    text = "".join((folder / "version.py").read_text("utf-8") for folder in _folders("torch")[:1])
    version = re.search(r"^__version__ = '([^']*)'", text, re.MULTILINE)
    cuda = re.search(r"^cuda\b[^=\n]*= '(\d+)[.\d]*'", text, re.MULTILINE)
    if cuda is None:
        build = f"torch {version[1]}" if version is not None else "The installed torch"
        return (
            f"{build} is a build without CUDA. Run `pip install --force-reinstall torch`, "
            "and see pytorch.org for the build that fits the driver."
        )
    oldest = _OLDEST_DRIVER.get(cuda[1])
    major = re.match(r"\d+", driver or "")
    if oldest is not None and major is not None and int(major[0]) < oldest:
        return (
            f"The NVIDIA driver {driver} is too old for torch's CUDA {cuda[1]}: {oldest} or newer is needed."
        )
    return None


def _nvidia() -> tuple[tuple[Device, ...], str | None, str | None]:
    """Devices, the driver's version, and why there are none, as `nvidia-smi` tells."""
    if environment(["CUDA_VISIBLE_DEVICES"]).get("CUDA_VISIBLE_DEVICES") in {"", "-1"}:
        return (), None, "CUDA_VISIBLE_DEVICES hides every NVIDIA device."
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return (), None, "There is no NVIDIA driver here (no nvidia-smi)."
    query = ("--query-gpu=name,memory.total,driver_version", "--format=csv,noheader,nounits")
    try:
        done = subprocess.run(  # noqa: S603 - the driver's own tool, from PATH
            [tool, *query], capture_output=True, text=True, timeout=_TOOL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return (), None, "The NVIDIA driver does not answer (nvidia-smi)."
    rows = [row for row in csv.reader(done.stdout.splitlines(), skipinitialspace=True) if len(row) == 3]
    if done.returncode != 0 or not rows:
        return (), None, "The NVIDIA driver reports no device (nvidia-smi)."
    devices = tuple(Device(name, int(size) * _MIB if size.isdigit() else None) for name, size, _ in rows)
    return devices, rows[0][2], None


def _processor(settings: Settings) -> Device:
    return Device(_processor_name(), memory_limit(), settings.train_threads or usable_cores())


def _processor_name() -> str:
    if sys.platform == "darwin":
        tool = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        done = subprocess.run(  # noqa: S603 - a fixed path of the system
            tool, capture_output=True, text=True, timeout=_TOOL_SECONDS, check=False
        )
        if done.stdout.strip():
            return done.stdout.strip()
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        text = ""
    found = re.search(r"^(?:model name|Model)\s*:\s*(\S.*)$", text, re.MULTILINE)
    return found[1].strip() if found is not None else platform.processor() or platform.machine()


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
