"""`whetstone demo` as its user runs it, on the embedded model, with less time for the agent."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_demo_runs_the_loop_and_reports_what_happened(tmp_path: Path) -> None:
    state = tmp_path / "state"
    environment = {
        **{name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}},
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "COLUMNS": "160",
    }
    command = [sys.executable, "-m", "whetstone", "demo", "--seconds", "60", "--state-dir", str(state)]
    run = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr

    results = list(state.glob("training/jobs/*/result.json"))
    assert len(results) == 1
    artifacts = [*state.glob("optimized-prompts/should_respond/v*.json")]
    rejected = [*state.glob("optimized-prompts/should_respond/rejected/*.json")]
    assert len(artifacts) + len(rejected) == 1
    artifact = json.loads((artifacts + rejected)[0].read_bytes())
    shown = re.search(r"score before → after\s*│\s*([\d.]+) → ([\d.]+)", run.stdout)
    assert shown, run.stdout
    assert shown.groups() == (f"{artifact['baselineScore']:.2f}", f"{artifact['score']:.2f}")
    assert ("promoted" in run.stdout) == bool(artifacts)
    assert "interval" in run.stdout
    assert "curl -X POST" in run.stdout

    written = "".join(path.read_text("utf-8") for path in (state / "training" / "datasets").rglob("*.json*"))
    assert written
    assert "posteo.example" not in written
    assert "4111 1111" not in written
    assert not _processes_mentioning(str(state))


def _processes_mentioning(text: str) -> list[str]:
    commands = (process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"]))
    return [" ".join(command) for command in commands if any(text in part for part in command)]
