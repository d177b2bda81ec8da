"""Counts and paces what an engine asks of the scripted models, and what the models themselves cost."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

from benchmarks.optimizers.tasks import Messages, Pace
from benchmarks.optimizers.worlds.office import World
from benchmarks.optimizers.worlds.reflection import ReflectionModel
from benchmarks.optimizers.worlds.task_model import TaskModel
from benchmarks.optimizers.worlds.words import chance

PROPOSAL_LATENCIES = 4
"""A proposal is a longer text: it takes as many times the latency of an answer."""
_STRAGGLERS, _STRAGGLER_FACTOR = 0.05, 10
_REFUSED, _RETRY_AFTER = 0.02, 0.1


def answer_seconds(pace: Pace, number: int) -> float:
    """Seconds of the answer to call `number`."""
    seconds = pace.latency
    if pace.rough and chance("straggler", number) < _STRAGGLERS:
        seconds *= _STRAGGLER_FACTOR
    if pace.rough and chance("refused", number) < _REFUSED:
        seconds += pace.latency + _RETRY_AFTER
    return seconds


class Meter:
    """Both models of a world behind counters; may be used from several threads."""

    def __init__(self, world: World, pace: Pace | None = None) -> None:
        self.pace = pace or Pace()
        self.calls = self.proposals = self.in_flight = self.most_in_flight = 0
        self.answer_seconds = self.model_cpu = 0.0
        self._task, self._reflection = TaskModel(world), ReflectionModel(world)
        self._lock = threading.Lock()
        self._writing: list[tuple[float, float]] = []

    def answer(self, messages: Messages) -> str:
        """The task model's answer; blocks for its latency."""
        text, seconds = self._start_answer(messages)
        if seconds:
            time.sleep(seconds)
        self._end()
        return text

    async def answer_async(self, messages: Messages) -> str:
        """The task model's answer, awaiting its latency."""
        text, seconds = self._start_answer(messages)
        try:
            if seconds:
                await asyncio.sleep(seconds)
        finally:
            self._end()
        return text

    def write(self, messages: Messages) -> str:
        """The reflection model's answer; blocks for its latency."""
        started = time.perf_counter()
        text = self._start_writing(messages)
        if self.pace.latency:
            time.sleep(self.pace.latency * PROPOSAL_LATENCIES)
        self._writing.append((started, time.perf_counter()))
        return text

    async def write_async(self, messages: Messages) -> str:
        """The reflection model's answer, awaiting its latency."""
        started = time.perf_counter()
        text = self._start_writing(messages)
        if self.pace.latency:
            await asyncio.sleep(self.pace.latency * PROPOSAL_LATENCIES)
        self._writing.append((started, time.perf_counter()))
        return text

    @property
    def waves(self) -> int:
        """Proposals that waited for one another: the most that do not overlap in time."""
        count, free_from = 0, float("-inf")
        for started, ended in sorted(self._writing, key=lambda each: each[1]):
            if started >= free_from:
                count, free_from = count + 1, ended
        return count

    @property
    def ideal_seconds(self) -> float:
        """The least wall time: answers at full width, proposals that wait for one another in line."""
        waiting = self.waves * self.pace.latency * PROPOSAL_LATENCIES
        return self.answer_seconds / self.pace.width + waiting

    def timed(self, work: Callable[[], Any]) -> Any:
        """Do `work` on the models' account, not the engine's."""
        before = time.thread_time()
        try:
            return work()
        finally:
            spent = time.thread_time() - before
            with self._lock:
                self.model_cpu += spent

    def _start_answer(self, messages: Messages) -> tuple[str, float]:
        with self._lock:
            self.calls += 1
            seconds = answer_seconds(self.pace, self.calls)
            self.answer_seconds += seconds
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
        return self.timed(lambda: self._task.answer(messages)), seconds

    def _end(self) -> None:
        with self._lock:
            self.in_flight -= 1

    def _start_writing(self, messages: Messages) -> str:
        with self._lock:
            self.proposals += 1
        text: str = self.timed(lambda: self._reflection.write(messages))
        return text
