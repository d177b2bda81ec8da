"""`whetstone demo` as its user runs it, on the embedded model, with less time for the agent."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from live_service import wait_for
from openai_peer import OpenAIPeer


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_stopped_demo_leaves_no_process(
    number: signal.Signals, tmp_path: Path, openai_peer: OpenAIPeer
) -> None:
    openai_peer.answer = lambda _: '{"action":"RESPOND"}'
    environment = {
        **{name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}},
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "WHETSTONE_LM_PROVIDER": "openai",
        "WHETSTONE_LM_MODEL": "peer",
        "WHETSTONE_LM_BASE_URL": openai_peer.base_url,
    }
    state = tmp_path / "state"
    command = [sys.executable, "-m", "whetstone", "demo", "--state-dir", str(state)]
    with subprocess.Popen(
        command,
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        # A shell that runs the tests in the background has its children ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as demo:
        assert demo.stdout
        for line in demo.stdout:
            if "3 ·" in line:
                break
        openai_peer.latency = 1  # the job shall not end before it is stopped
        wait_for(lambda: _processes_mentioning(str(state / "training" / "jobs")), seconds=20, what="the job")
        demo.send_signal(number)
        rest = demo.stdout.read()
        assert demo.wait(30) == 128 + number, rest
    assert not _processes_mentioning(str(state))
    assert ("Stopped" in rest) == (number is signal.SIGINT)


def _processes_mentioning(text: str) -> list[str]:
    commands = (process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"]))
    return [" ".join(command) for command in commands if any(text in part for part in command)]
