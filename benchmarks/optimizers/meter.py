"""Counts and paces what an engine asks of the scripted models, and what the models themselves cost."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

from benchmarks.optimizers.tasks import Messages, Pace
from benchmarks.optimizers.worlds.office import World
from benchmarks.optimizers.worlds.reflection import ReflectionModel
from benchmarks.optimizers.worlds.task_model import TaskModel
from benchmarks.optimizers.worlds.words import chance

PROPOSAL_LATENCIES = 4
"""A proposal is a longer text: it takes as many times the latency of an answer."""
_STRAGGLERS, _STRAGGLER_FACTOR = 0.05, 10
_REFUSED = 0.02
RETRY_AFTER = 0.1
"""Seconds of patience that a refused call is asked for."""


def refused(number: int) -> bool:
    """Whether call `number` of a rough pace is refused once."""
    return chance("refused", number) < _REFUSED


class Meter:
    """Both models of a world behind counters; may be used from several threads."""

    def __init__(self, world: World, pace: Pace | None = None, *, waits: bool = True) -> None:
        """`waits`: a refusal, where the pace has them, is time that an answer takes, since there is no client to retry."""
        self._waits = waits
        self.pace = pace or Pace()
        self.calls = self.proposals = self.in_flight = self.most_in_flight = 0
        self.answer_seconds = 0.0
        self._world = world
        self._asked: list[tuple[Messages, bool]] = []
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

    def counts(self) -> dict[str, Any]:
        """What was asked for, and the least wall time that it takes."""
        return {
            "calls": self.calls,
            "proposals": self.proposals,
            "waves": self.waves,
            "ideal": self.ideal_seconds,
            "most_in_flight": self.most_in_flight,
        }

    def model_cpu(self) -> float:
        """Processor seconds that the models took: those of the same questions, asked again of fresh ones.

        Clocks around each answer would cost more than the answer.
        """
        task, reflection = TaskModel(self._world), ReflectionModel(self._world)
        before = time.process_time()
        for messages, writes in self._asked:
            if writes:
                reflection.write(messages)
            else:
                task.answer(messages)
        return time.process_time() - before

    def _start_answer(self, messages: Messages) -> tuple[str, float]:
        self._asked.append((messages, False))
        with self._lock:
            self.calls += 1
            seconds = self._seconds(self.calls)
            self.answer_seconds += seconds
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
        return self._task.answer(messages), seconds

    def _seconds(self, number: int) -> float:
        seconds = self.pace.latency
        if self.pace.rough and chance("straggler", number) < _STRAGGLERS:
            seconds *= _STRAGGLER_FACTOR
        if self.pace.rough and self._waits and refused(number):
            seconds += RETRY_AFTER
        return seconds

    def _end(self) -> None:
        with self._lock:
            self.in_flight -= 1

    def _start_writing(self, messages: Messages) -> str:
        with self._lock:
            self.proposals += 1
        self._asked.append((messages, True))
        return self._reflection.write(messages)
