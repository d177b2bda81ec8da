from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zlib import crc32

from openai_peer import Messages, OpenAIPeer
from optimize_world import Recorder, answer, peer_settings, right_decision, rows, spec_for, write_dataset
from whetstone.optimize.native import run
from whetstone.optimize.spec import BudgetLimits, InstructionOptions
from whetstone.prompts.store import PromptStore
from whetstone.settings import Settings

RULE = "Answer with JSON that has the right action."


def both_models(messages: Messages) -> str:
    """One endpoint plays both models: it reflects when it is asked for instructions."""
    asked = str(messages[0]["content"])
    if "<instruction>" in asked:
        return f"<hypothesis>It names no form.</hypothesis><instruction>You are Fern. {RULE} {crc32(asked.encode()) % 9973}</instruction>"
    if "first describe the data" in asked:
        return "Messages of a chat, and what to do with them."
    right = answer(right_decision(str(messages[-1]["content"])))
    return right if RULE in asked else "I would be happy to help you with that!"


async def test_a_job_promotes_the_instructions_that_help(
    tmp_path: Path, settings: Settings, openai_peer: OpenAIPeer
) -> None:
    openai_peer.answer = both_models
    spec = spec_for(
        tmp_path,
        write_dataset(tmp_path / "dataset", rows(100)),
        optimizer="dspy-mipro",
        budget=BudgetLimits(max_calls=400),
        instructions=InstructionOptions(instructions=3, demonstration_sets=0),
    )
    recorder = Recorder()
    settings = peer_settings(settings, openai_peer)
    result = await run(spec, recorder, settings)
    assert result["decision"] == "promoted"
    assert (result["baselineScore"], result["score"]) == (0.0, 1.0)
    assert result["finishReason"] == "completed"
    assert result["demonstrations"] == 0
    current = PromptStore(settings.optimized_prompts_dir).current(result["task"])
    assert current is not None
    assert RULE in current.artifact.prompt
    assert any("2 of 2 usable" in line for line in recorder.lines), recorder.lines
    assert any("trying 2 new instructions" in message for _, _, message in recorder.news)


def test_the_surrogates_library_is_loaded_by_a_search_only() -> None:
    program = (
        "import sys, whetstone.optimize.native, whetstone.optimize.auto; sys.exit('optuna' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
