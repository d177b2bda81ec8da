"""Which backends are there: asked in a child Python from which packages are really hidden."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pytest

from whetstone.errors import InvalidInputError
from whetstone.finetune import backends
from whetstone.settings import Settings

ASK = """
import importlib.abc, json, sys
hidden, extra = set(json.loads(sys.argv[1])), json.loads(sys.argv[2])

class Hide(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in hidden:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Hide())
sys.path[:0] = extra
from whetstone.finetune import backends
from whetstone.errors import InvalidInputError
from whetstone.settings import Settings
backends._TOOL_SECONDS = float(sys.argv[3])
settings = Settings(_env_file=None)
answer = {name: found.to_dict() for name, found in backends.availability(settings).items()}
refused = {}
for name in [*answer, "tpu"]:
    try:
        backends.require(name, settings)
    except InvalidInputError as error:
        refused[name] = error.message
heavy = sorted({"torch", "numpy", "transformers", "mlx.core", "mlx_lm", "tokenizers"} & set(sys.modules))
print(json.dumps({"answer": answer, "refused": refused, "heavy": heavy}))
"""

TORCH = {"torch", "transformers", "peft", "safetensors", "gguf"}


def ask(
    *,
    hidden: Collection[str] = (),
    path: Sequence[Path] = (),
    extra: Sequence[Path] = (),
    patience: float = 20.0,
    **env: str,
) -> dict[str, Any]:
    """What a Python without the packages `hidden` says; `path` is its PATH, `extra` comes first in `sys.path`."""
    arguments = [json.dumps(sorted(hidden)), json.dumps([str(folder) for folder in extra]), str(patience)]
    variables = {"PATH": ":".join(map(str, path)), "HOME": "/nowhere", **env}
    done = subprocess.run(
        [sys.executable, "-c", ASK, *arguments],
        env=variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def package(folder: Path, name: str, **files: str) -> Path:
    """An importable package, as far as anybody can tell without importing it."""
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text("raise RuntimeError('this must not be imported')")
    for file, text in files.items():
        (folder / name / f"{file}.py").write_text(text)
    return folder


def cuda_torch(folder: Path, version: str = "2.13.0+cu128", cuda: str = "12.8") -> Path:
    """Stand-ins for CUDA's build of torch and its friends, which cannot be installed beside the CPU's."""
    for name in ("transformers", "peft", "safetensors"):
        package(folder, name)
    text = f"__version__ = '{version}'\ncuda: Optional[str] = '{cuda}'\nhip: Optional[str] = None\n"
    return package(folder, "torch", version=text)


def nvidia_smi(folder: Path, output: str, status: int = 0) -> Path:
    """A stand-in for the driver's tool: no test machine has the driver."""
    folder.mkdir(exist_ok=True)
    tool = folder / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n/bin/cat <<'END'\n{output}\nEND\nexit {status}\n")
    tool.chmod(0o755)
    return folder


def test_here_the_processor_trains_and_nothing_heavy_is_imported() -> None:
    told = ask()
    cpu = told["answer"]["cpu"]
    assert cpu["available"] is True
    assert cpu["reason"] is None
    (device,) = cpu["devices"]
    assert device["name"]
    assert device["memoryBytes"] > 1 << 28
    assert device["cores"] >= 1
    assert list(told["answer"]) == ["native", "mlx", "cuda", "cpu"]
    assert told["heavy"] == []


def test_without_torch_the_sentence_names_what_is_missing_and_the_command() -> None:
    told = ask(hidden=TORCH)
    cpu = told["answer"]["cpu"]
    assert cpu["available"] is False
    assert cpu["reason"] == (
        "torch, transformers, peft and safetensors are not installed. Run `pip install 'whetstone[cpu]'`."
    )
    assert told["refused"]["cpu"].startswith(
        "Backend 'cpu' is not available on this system. Available backends: native."
    )
    assert told["refused"]["cpu"].endswith(cpu["reason"])
    assert "native" not in told["refused"]


def test_one_missing_package_is_enough() -> None:
    assert ask(hidden={"peft"})["answer"]["cpu"]["reason"] == (
        "peft is not installed. Run `pip install 'whetstone[cpu]'`."
    )


def test_an_unknown_backend_gets_the_list() -> None:
    told = ask(hidden=TORCH | {"mlx", "mlx_lm"})
    assert told["refused"]["tpu"] == (
        "Backend 'tpu' is not available on this system. Available backends: native."
    )


def test_without_mlx() -> None:
    told = ask(hidden={"mlx", "mlx_lm"})
    mlx = told["answer"]["mlx"]
    assert mlx["available"] is False
    assert "pip install 'whetstone[mlx]'" in mlx["reason"] or sys.platform not in {"linux", "darwin"}


@pytest.mark.skipif(sys.platform != "linux", reason="MLX's CPU build is Linux's")
def test_mlx_without_its_library(tmp_path: Path) -> None:
    for name in ("mlx", "mlx_lm"):
        package(tmp_path, name)
    mlx = ask(extra=[tmp_path])["answer"]["mlx"]
    assert mlx["reason"] == "MLX has no core library here. Run `pip install 'mlx[cpu]'`."


@pytest.mark.skipif(sys.platform != "linux", reason="MLX's CPU build is Linux's")
def test_mlx_on_linux_says_what_it_is_good_for(tmp_path: Path) -> None:
    for name in ("mlx", "mlx_lm"):
        package(tmp_path, name)
    (tmp_path / "mlx/lib").mkdir()
    (tmp_path / "mlx/lib/libmlx.so").touch()
    mlx = ask(extra=[tmp_path])["answer"]["mlx"]
    assert mlx["available"] is True
    assert "for trying out" in mlx["notes"][0]


def test_no_driver_no_cuda(tmp_path: Path) -> None:
    cuda = ask(extra=[cuda_torch(tmp_path)])["answer"]["cuda"]
    assert cuda == {
        "available": False,
        "reason": "There is no NVIDIA driver here (no nvidia-smi).",
        "devices": [],
        "notes": cuda["notes"],
    }


def test_gpus_are_named_with_their_memory(tmp_path: Path) -> None:
    tool = nvidia_smi(
        tmp_path / "bin", "NVIDIA H100 80GB HBM3, 81559, 570.86.15\nNVIDIA GB10, [N/A], 570.86.15"
    )
    cuda = ask(extra=[cuda_torch(tmp_path / "site")], path=[tool])["answer"]["cuda"]
    assert cuda["available"] is True
    assert cuda["devices"] == [
        {"name": "NVIDIA H100 80GB HBM3", "memoryBytes": 81559 << 20},
        {"name": "NVIDIA GB10", "memoryBytes": None},
    ]


def test_a_build_of_torch_without_cuda(tmp_path: Path) -> None:
    tool = nvidia_smi(tmp_path / "bin", "NVIDIA L4, 23034, 570.86.15")
    site = cuda_torch(tmp_path / "site")
    (site / "torch/version.py").write_text("__version__ = '2.13.0+cpu'\ncuda: Optional[str] = None\n")
    cuda = ask(extra=[site], path=[tool])["answer"]["cuda"]
    assert cuda["available"] is False
    assert cuda["reason"].startswith("torch 2.13.0+cpu is a build without CUDA. Run `pip install")
    assert cuda["devices"][0]["name"] == "NVIDIA L4"  # it is there all the same


def test_an_old_driver(tmp_path: Path) -> None:
    tool = nvidia_smi(tmp_path / "bin", "NVIDIA L4, 23034, 550.54")
    site = cuda_torch(tmp_path / "site", "2.13.0+cu130", "13.0")
    assert ask(extra=[site], path=[tool])["answer"]["cuda"]["reason"] == (
        "The NVIDIA driver 550.54 is too old for torch's CUDA 13: 580 or newer is needed."
    )


def test_a_driver_that_fails(tmp_path: Path) -> None:
    tool = nvidia_smi(
        tmp_path / "bin", "NVIDIA-SMI has failed because it couldn't communicate with the driver", 9
    )
    cuda = ask(extra=[cuda_torch(tmp_path / "site")], path=[tool])["answer"]["cuda"]
    assert cuda["reason"] == "The NVIDIA driver reports no device (nvidia-smi)."


def test_hidden_gpus(tmp_path: Path) -> None:
    tool = nvidia_smi(tmp_path / "bin", "NVIDIA L4, 23034, 570.86.15")
    cuda = ask(extra=[cuda_torch(tmp_path / "site")], path=[tool], CUDA_VISIBLE_DEVICES="")["answer"]["cuda"]
    assert cuda["available"] is False
    assert "CUDA_VISIBLE_DEVICES" in cuda["reason"]


def test_a_driver_that_hangs_is_given_up(tmp_path: Path) -> None:
    tool = nvidia_smi(tmp_path / "bin", "")
    (tool / "nvidia-smi").write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    cuda = ask(extra=[cuda_torch(tmp_path / "site")], path=[tool], patience=0.5)["answer"]["cuda"]
    assert cuda["reason"] == "The NVIDIA driver does not answer (nvidia-smi)."


def test_a_broken_installation_spoils_only_its_own_backend(tmp_path: Path) -> None:
    site = cuda_torch(tmp_path / "site")
    (site / "torch/version.py").write_bytes(b"\xff\xfe")
    tool = nvidia_smi(tmp_path / "bin", "NVIDIA L4, 23034, 570.86.15")
    told = ask(extra=[site], path=[tool])["answer"]
    assert told["cuda"]["available"] is False
    assert "could not be looked at (UnicodeDecodeError)" in told["cuda"]["reason"]
    assert told["cpu"]["available"] is True


def test_the_answer_is_kept_for_a_while_and_can_be_forgotten(settings: Settings) -> None:
    backends.forget()
    first = backends.availability(settings)
    assert backends.availability(settings)["cpu"] is first["cpu"]
    other = settings.model_copy(update={"train_threads": 7})
    (device,) = backends.availability(other)["cpu"].devices
    assert device.cores == 7
    backends.forget()
    with pytest.raises(InvalidInputError, match="Available backends: native"):
        backends.require("tpu", settings)
