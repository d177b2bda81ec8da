"""A real task as its file holds it, and a real model behind an OpenAI-compatible endpoint; standard library only."""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.optimizers.tasks import Judgement, Messages, Pace


@dataclass(frozen=True, slots=True)
class RealRow:
    """A row of a data set; `gold` is the reply that a demonstration shows, `accepted` what the metric accepts."""

    id: str
    text: str
    gold: str
    label: str
    accepted: Any


class RealTask:
    """A task from the file that `compare` wrote: `{"prompt", "metric", "train": […], "validation": […], "test": […]}`."""

    def __init__(self, path: Path) -> None:
        content = json.loads(path.read_text(encoding="utf-8"))
        self.seed_prompt: str = content["prompt"]
        self._metric: str = content["metric"]
        splits = {name: [RealRow(**row) for row in content[name]] for name in ("train", "validation", "test")}
        self.train, self.validation, self.test = splits["train"], splits["validation"], splits["test"]
        self.rows = {row.id: row for rows in splits.values() for row in rows}

    def judge(self, row: RealRow, reply: str) -> Judgement:
        """`label`: the same word; `field`: the same value under the same JSON key; `call`: half for the function's name,
        half for arguments that are all accepted."""
        score = {"label": _label, "field": _field, "call": _call}[self._metric](row, reply)
        return Judgement(score, "Right." if score == 1 else f"Expected {row.gold}")

    def reply(self, row: RealRow) -> str:
        """The right reply."""
        return row.gold


class RealModels:
    """A model at an endpoint. There is no reflection model: one so small cannot reflect."""

    def __init__(self, url: str, width: int) -> None:
        self.pace = Pace(latency=1.0, width=width)
        self.calls = 0
        self._url = url
        self._lock = threading.Lock()

    def answer(self, messages: Messages) -> str:
        """The model's answer, greedy."""
        with self._lock:
            self.calls += 1
        body = json.dumps({"messages": list(messages)}).encode()
        request = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})  # noqa: S310 - our own server
        with urllib.request.urlopen(request, timeout=600) as response:  # noqa: S310
            text: str = json.load(response)["text"]
        return text

    async def answer_async(self, messages: Messages) -> str:
        """The model's answer, greedy."""
        return await asyncio.to_thread(self.answer, messages)

    def write(self, messages: Messages) -> str:
        """Not available."""
        raise NotImplementedError

    async def write_async(self, messages: Messages) -> str:
        """Not available."""
        raise NotImplementedError


def _label(row: RealRow, reply: str) -> float:
    return float(reply.strip().strip(".\"'`").casefold() == row.gold.casefold())


def _field(row: RealRow, reply: str) -> float:
    found = _first_object(reply)
    return float(found is not None and all(found.get(key) == value for key, value in row.accepted.items()))


def _call(row: RealRow, reply: str) -> float:
    found = _first_object(reply)
    if found is None or found.get("name") != row.accepted["name"]:
        return 0.0
    given, accepted = found.get("arguments"), row.accepted["arguments"]
    if not isinstance(given, dict) or not set(given) <= set(accepted):
        return 0.5
    right = all(given[key] in values if key in given else "" in values for key, values in accepted.items())
    return 1.0 if right else 0.5


def _first_object(text: str) -> dict[str, Any] | None:
    start = text.find("{")
    if start < 0:
        return None
    try:
        found, _ = json.JSONDecoder().raw_decode(text[start:])
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
