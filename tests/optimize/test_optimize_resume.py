from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from openai_peer import OpenAIPeer
from optimize_world import Recorder, learns_from_turns, peer_settings, rows, spec_for, write_dataset
from whetstone.errors import ConflictError
from whetstone.optimize.native import run
from whetstone.optimize.spec import FewShotOptions, NativeSpec
from whetstone.settings import Settings

MADE = rows(50)
SMALL = FewShotOptions(demonstrations=3, random_sets=1)


def essence(result: dict[str, Any]) -> dict[str, Any]:
    """A result without clocks, places, and what of it came from the cache."""
    kept = {key: value for key, value in result.items() if key not in ("budget", "artifactPath")}
    kept["calls"] = {name: account["calls"] for name, account in result["budget"]["spent"].items()}
    return kept


@pytest.fixture
def lm_settings(settings: Settings, openai_peer: OpenAIPeer) -> Settings:
    openai_peer.answer = learns_from_turns
    return peer_settings(settings, openai_peer)


def fresh_prompts(settings: Settings, name: str) -> Settings:
    """The same LM cache, no prompts yet: prompts are kept apart by state folder, the cache is linked in."""
    state = settings.state_dir.with_name(name)
    state.mkdir()
    (state / "lm-cache.db").symlink_to(settings.state_dir / "lm-cache.db")
    return settings.model_copy(update={"state_dir": state})


async def test_a_run_cut_off_at_any_step_ends_like_an_uninterrupted_one(
    tmp_path: Path, lm_settings: Settings, openai_peer: OpenAIPeer
) -> None:
    dataset = write_dataset(tmp_path / "dataset", MADE)
    spec = spec_for(tmp_path, dataset, few_shot=SMALL)
    expected = await run(spec, Recorder(), lm_settings)
    paid = len(openai_peer.calls)
    lines = (spec.job_dir / "journal.jsonl").read_bytes().splitlines(keepends=True)
    assert len(lines) > 6
    for kept in range(len(lines)):
        job_dir = tmp_path / f"cut-{kept}"
        job_dir.mkdir()
        torn = lines[kept][: len(lines[kept]) // 2]
        (job_dir / "journal.jsonl").write_bytes(b"".join(lines[:kept]) + torn)
        settings = fresh_prompts(lm_settings, f"state-{kept}")
        result = await run(spec.model_copy(update={"job_dir": job_dir}), Recorder(), settings)
        assert essence(result) == essence(expected), f"cut after {kept} steps"
    assert len(openai_peer.calls) == paid, "nothing is paid for twice"


async def test_a_finished_run_answers_without_doing_anything(
    tmp_path: Path, lm_settings: Settings, openai_peer: OpenAIPeer
) -> None:
    spec = spec_for(tmp_path, write_dataset(tmp_path / "dataset", MADE), few_shot=SMALL)
    first = await run(spec, Recorder(), lm_settings)
    paid = len(openai_peer.calls)
    assert await run(spec, Recorder(), lm_settings.model_copy(update={"lm_cache": False})) == first
    assert len(openai_peer.calls) == paid


async def test_the_jobs_own_promotion_is_not_promoted_twice(tmp_path: Path, lm_settings: Settings) -> None:
    spec = spec_for(tmp_path, write_dataset(tmp_path / "dataset", MADE), few_shot=SMALL)
    first = await run(spec, Recorder(), lm_settings)
    journal = spec.job_dir / "journal.jsonl"
    journal.write_bytes(
        b"".join(journal.read_bytes().splitlines(keepends=True)[:-1])
    )  # killed before the result
    second = await run(spec, Recorder(), lm_settings)
    assert first["decision"] == "promoted"
    assert (second["artifactVersion"], second["artifactPath"]) == (1, first["artifactPath"])
    assert essence(second) == essence(first)


async def test_other_data_or_options_do_not_continue_a_run(tmp_path: Path, lm_settings: Settings) -> None:
    spec = spec_for(tmp_path, write_dataset(tmp_path / "dataset", MADE), few_shot=SMALL)
    await run(spec, Recorder(), lm_settings)
    with pytest.raises(ConflictError):
        await run(spec.model_copy(update={"seed": 9}), Recorder(), lm_settings)
    write_dataset(tmp_path / "dataset", rows(50, seed=9))
    with pytest.raises(ConflictError):
        await run(spec, Recorder(), lm_settings)


_PROGRAM = """
import asyncio, sys
from pathlib import Path
from whetstone.optimize.native import run
from whetstone.optimize.spec import NativeSpec
from whetstone.settings import Settings

class Silent:
    def progress(self, *a, **k): pass
    def log(self, message, **k): pass

spec = NativeSpec.model_validate_json(Path(sys.argv[1]).read_text())
asyncio.run(run(spec, Silent(), Settings(_env_file=None)))
"""


def environment(settings: Settings) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "ELIZA_STATE_DIR": str(settings.state_dir),
        "WHETSTONE_LM_PROVIDER": "openai",
        "WHETSTONE_LM_BASE_URL": settings.lm_base_url,
        "WHETSTONE_LM_MODEL": "peer",
        "WHETSTONE_LM_MAX_RETRIES": "0",
        "WHETSTONE_LM_CONCURRENCY": str(settings.lm_concurrency),
    }


def killed_run(
    spec: NativeSpec, settings: Settings, peer: OpenAIPeer, after_calls: int, folder: Path
) -> None:
    """Run the job in its own process and kill -9 it once it has made some calls."""
    file = folder / "spec.json"
    file.write_text(spec.model_dump_json(by_alias=True))
    with subprocess.Popen([sys.executable, "-c", _PROGRAM, str(file)], env=environment(settings)) as process:
        deadline = time.monotonic() + 30
        while len(peer.calls) < after_calls and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)


async def test_kill_nine_in_the_middle_loses_nothing(
    tmp_path: Path, lm_settings: Settings, openai_peer: OpenAIPeer
) -> None:
    dataset = write_dataset(tmp_path / "dataset", MADE)
    spec = spec_for(tmp_path, dataset, few_shot=SMALL)
    openai_peer.latency = 0.005
    for calls in (30, 90):
        killed_run(spec, lm_settings, openai_peer, calls, tmp_path)
    openai_peer.latency = 0.0
    resumed = await run(spec, Recorder(), lm_settings)
    asked = [orjson.dumps(call.messages) for call in openai_peer.calls]
    assert len(asked) - len(set(asked)) <= 2 * lm_settings.lm_concurrency, "only what was in flight"
    elsewhere = spec.model_copy(update={"job_dir": tmp_path / "elsewhere"})
    whole = await run(elsewhere, Recorder(), fresh_prompts(lm_settings, "other"))
    assert essence(resumed) == essence(whole)
