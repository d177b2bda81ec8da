"""Every place that writes files in the rooms behind the filter is known, and takes what the filter gave.

The canary test runs the known ones; this one fails when there is a new one.
"""

from __future__ import annotations

import ast
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest

import whetstone
from whetstone.datasets.spool import Spool
from whetstone.datasets.writer import TrajectoryFiles
from whetstone.privacy.filtered import Filtered

ROOT = Path(whetstone.__file__).parent
ROOMS = (
    "datasets",
    "finetune",
    "optimize",
    "jobs",
    "prompts",
    "lm",
    "autotrain",
    "api",
    "export_cli.py",
)
KNOWN = {
    "datasets/spool.py": "takes Filtered rows",
    "datasets/writer.py": "rows of the spool, Filtered trajectories, figures, the attestation",
    "optimize/engine/journal.py": "what a job made of rows of a dataset",
    "optimize/native.py": "a candidate whose demonstrations were filtered before they were tried",
    "finetune/export/folder.py": "a model's weights, its recipe and card: figures and names, the tokenizer of its base",
    "finetune/export/manifest.py": "digests of a model's files",
    "finetune/export/merged.py": "weights, and files of the base model",
    "finetune/export/tensors.py": "weights",
    "finetune/bases/convert.py": "files of a base model",
    "finetune/bases/made_folders.py": "digests of a base model's files",
    "finetune/bases/prepare.py": "files of a base model",
    "finetune/bases/digests.py": "digests of a base model's files",
    "finetune/on_torch/adapter.py": "weights",
    "finetune/on_torch/state.py": "weights, moments, random states",
    "finetune/on_mlx/adapters.py": "weights",
    "finetune/on_mlx/state.py": "weights, moments",
    "jobs/launchers/ray.py": "which submission is at work on a job",
    "jobs/memory_guard.py": "a figure for the kernel",
    "finetune/loop/checkpoints.py": "weights, random states, figures",
    "finetune/loop/metrics.py": "figures",
    "finetune/ground.py": "a digest of the base model",
    "finetune/run.py": "answers to rows of a dataset, in the job's folder",
    "finetune/data/cache.py": "tokens made of rows of a dataset, for their owner alone",
    "jobs/jobfile.py": "options of a job",
    "jobs/worker.py": "a process's identity, a job's result",
    "jobs/reporter.py": "events of a job",
    "prompts/pointer.py": "a file's name",
    "prompts/store.py": "artifacts, whose demonstrations are filtered again",
    "lm/board.py": "who uses an endpoint, and how widely",
    "lm/cache.py": "answers to prompts that were made of rows of a dataset",
    "lm/local.py": "output of the embedded model's process",
    "lm/local_server.py": "output and identity of that process",
    "lm/local_files.py": "its identity",
    "autotrain/config.py": "configuration",
    "export_cli.py": "a download, raw or for training, and its attestation",
}
_WRITING = {
    "write_bytes",
    "write_text",
    "write_json",
    "write_atomic",
    "replacing",
    "mkstemp",
    "NamedTemporaryFile",
}


def _writes(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name in _WRITING:
        return True
    source = ast.unparse(node)
    if name == "connect":
        return "sqlite" in source
    if name != "open":
        return False
    modes = [
        arg.value
        for arg in (*node.args, *(word.value for word in node.keywords))
        if isinstance(arg, ast.Constant)
    ]
    flags = ("O_CREAT", "O_WRONLY", "O_RDWR")
    return any(isinstance(mode, str) and set(mode) & set("wax+") and len(mode) < 4 for mode in modes) or any(
        flag in source for flag in flags
    )


def _modules() -> Iterator[Path]:
    for room in ROOMS:
        path = ROOT / room
        yield from [path] if path.is_file() else path.rglob("*.py")


def test_every_writer_behind_the_filter_is_known() -> None:
    writers = {
        str(path.relative_to(ROOT))
        for path in _modules()
        if any(_writes(node) for node in ast.walk(ast.parse(path.read_text())))
    }
    assert writers == KNOWN.keys()


@pytest.mark.parametrize(
    "source",
    [
        "path.open('wb')",
        "open(path, 'a')",
        "path.write_text(x)",
        "os.open(p, os.O_CREAT)",
        "sqlite3.connect(p)",
        "write_json(p, x)",
    ],
)
def test_the_check_on_writers_can_fail(source: str) -> None:
    assert any(_writes(node) for node in ast.walk(ast.parse(source)))
    assert not any(_writes(node) for node in ast.walk(ast.parse("path.open('rb'); path.read_bytes()")))


def test_writers_of_datasets_take_filtered_values() -> None:
    for method, parameter in ((Spool.append, "rows"), (TrajectoryFiles.write, "document")):
        assert typing.get_origin(typing.get_type_hints(method)[parameter]) is Filtered


def test_rows_reach_their_files_from_the_spool_alone() -> None:
    """`RowFiles` takes plain rows, so only the builder may have one, and it feeds it from the spool."""
    users = [
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*.py")
        if any(
            isinstance(node, ast.Name) and node.id == "RowFiles"
            for node in ast.walk(ast.parse(path.read_text()))
        )
    ]
    assert sorted(users) == ["datasets/build.py", "datasets/writer.py"]
    tree = ast.parse((ROOT / "datasets" / "build.py").read_text())
    written = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("files.write")
    ]
    assert [ast.unparse(node.func) for node in written] == ["files.write", "files.write_preference"]
    [row] = {
        name.id
        for node in written
        for name in ast.walk(node.args[0])
        if isinstance(name, ast.Name) and name.id not in ("all_sides", "group")
    }
    sources = {
        ast.unparse(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == row
    }
    assert sources == {"self._spool.read(candidate.place)"}
