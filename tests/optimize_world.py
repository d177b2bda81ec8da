"""A small world for optimizer tests: a shop's chat, its right decisions, and a model that learns from examples."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson

import lm_tools
from openai_peer import OpenAIPeer
from whetstone.optimize.spec import FewShotOptions, NativeSpec
from whetstone.settings import Settings

SYSTEM = "Decide what the agent Fern does with a message of the shop's chat."
TASK = "should_respond"
SPLITS = ("train", "validation", "test", "train", "test")
_WORDS = [
    "amber",
    "birch",
    "cedar",
    "daisy",
    "ember",
    "fjord",
    "glade",
    "heron",
    "ivory",
    "jumper",
    "kettle",
    "lemon",
    "maple",
    "nectar",
    "olive",
    "pepper",
    "quartz",
    "raven",
    "saffron",
    "timber",
    "umber",
    "velvet",
    "willow",
    "yonder",
    "zephyr",
    "anchor",
    "basil",
    "copper",
    "dune",
    "elm",
    "falcon",
    "garnet",
    "harbor",
]
_CUES = {"RESPOND": "fern please help", "STOP": "be quiet now", "IGNORE": "see you later"}


def right_decision(text: str) -> str:
    """The rule of this world."""
    return next((label for label, cue in _CUES.items() if cue in text), "IGNORE")


def answer(label: str) -> str:
    """A decision as the agent writes it."""
    return orjson.dumps({"action": label}).decode()


def rows(count: int, *, seed: int = 0, verified: bool = True, task: str = TASK) -> list[dict[str, Any]]:
    """`count` corrected rows of different messages with all three labels, splits included."""
    rng = random.Random(seed)
    made = []
    for number in range(count):
        label = list(_CUES)[number % 3]
        text = f"{' '.join(rng.sample(_WORDS, 8))} {_CUES[label]} {number}"
        made.append(
            {
                "format": "eliza_native_v1",
                "schemaVersion": 1,
                "trajectoryId": f"t-{number}",
                "callId": f"c-{number}",
                "model": "peer",
                "request": {"system": SYSTEM, "prompt": text, "settings": {"maxOutputTokens": 24}},
                "response": {"text": answer(label)},
                "metadata": {
                    "task_type": task,
                    "expected_from": "correction" if verified else "unverified",
                    "verified": verified,
                    "reward": None,
                    "label": label,
                    "split": SPLITS[number % len(SPLITS)],
                    "group": f"g-{number}",
                },
            }
        )
    return made


def write_rows(path: Path, made: Sequence[dict[str, Any]]) -> Path:
    """Write rows as JSONL."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in made))
    return path


def write_dataset(folder: Path, made: Sequence[dict[str, Any]], task: str = TASK) -> Path:
    """A dataset's folder with one task in it."""
    write_rows(folder / f"{task}_trajectories.jsonl", made)
    return folder


Messages = list[dict[str, Any]]


def demonstrated_turns(messages: Messages) -> list[str]:
    """The answers shown as chat turns."""
    return [each["content"] for each in messages if each["role"] == "assistant"]


def learns_from_turns(messages: Messages) -> str:
    """Right once at least two different decisions are shown as chat turns; else it does not know the format."""
    if len(set(demonstrated_turns(messages))) >= 2:
        return answer(right_decision(messages[-1]["content"]))
    return "I would be happy to help you with that!"


def never_learns(messages: Messages) -> str:
    """Says the same whatever it is shown."""
    return answer("RESPOND")


def spoilt_by_demonstrations(messages: Messages) -> str:
    """Right without examples, wrong with any."""
    shown = demonstrated_turns(messages) or "Demonstrations:" in str(messages[0]["content"])
    return "no idea" if shown else answer(right_decision(messages[-1]["content"]))


class Recorder:
    """A reporter that keeps what it hears; `on_progress` is called with each (fraction, phase, message)."""

    def __init__(self, on_progress: Callable[[float, str, str], None] | None = None) -> None:
        self.news: list[tuple[float, str, str]] = []
        self.lines: list[str] = []
        self._on_progress = on_progress

    def progress(self, fraction: float, phase: str, message: str, **_extra: Any) -> None:
        self.news.append((fraction, phase, message))
        if self._on_progress is not None:
            self._on_progress(fraction, phase, message)

    def log(self, message: str, **_extra: Any) -> None:
        self.lines.append(message)


def peer_settings(settings: Settings, peer: OpenAIPeer, **changes: Any) -> Settings:
    """Settings whose language model is the peer, asked without retries."""
    few = {"lm_model": "peer", "lm_max_retries": 0, "lm_concurrency": 8}
    return lm_tools.peer_settings(settings, peer, **{**few, **changes})


def spec_for(tmp_path: Path, dataset: Path, **changes: Any) -> NativeSpec:
    """A job on `dataset`, in its own folder."""
    return NativeSpec(
        **{
            "job_id": "job-1",
            "job_dir": tmp_path / "job",
            "dataset_id": "dataset-1",
            "dataset_dir": dataset,
            "few_shot": FewShotOptions(demonstrations=4, random_sets=0),
            **changes,
        }
    )
