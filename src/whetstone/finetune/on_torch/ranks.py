"""Data parallelism: each process takes a part of the examples of every batch, and all make the same update.

The loop and rank 0 are this process; the others are `rank` processes on this machine, one a GPU on cuda. Requests go
over pipes, gradients through nameless shared memory: there is no port that somebody else could reach, the sum has a
fixed order, and the end of a helper is seen at once, because its pipe closes. One exchange a step, of the adapter's
gradient alone, is far below the cost of a step, so that NCCL or Gloo would gain nothing here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from whetstone.errors import InterruptedJobError, InvalidInputError, UnavailableError
from whetstone.finetune.data.types import Batch
from whetstone.finetune.engine import Engine, StepResult
from whetstone.finetune.on_torch import state, wire
from whetstone.finetune.on_torch.engine import TorchEngine, examples
from whetstone.finetune.on_torch.exchange import Exchange, reserve
from whetstone.finetune.spec import FineTuneSpec
from whetstone.settings import Settings


def open_engine(base_folder: Path, spec: FineTuneSpec, settings: Settings) -> Engine:
    """The torch engine that `spec.processes` asks for. Raises `InvalidInputError` for what cannot be trained."""
    if spec.processes == 1:
        return TorchEngine(base_folder, spec, settings)
    return DataParallelEngine(base_folder, spec, settings)


class DataParallelEngine(Engine):
    """See `Engine`; equal to one process up to the order of additions, dropout apart.

    Every method raises `InterruptedJobError` when a helper process was killed, and `UnavailableError` when it ended
    otherwise.
    """

    def __init__(self, base_folder: Path, spec: FineTuneSpec, settings: Settings) -> None:
        self.spec = spec
        self._helpers: list[_Helper] = []
        memory = reserve()
        try:
            start = {
                "base": str(base_folder),
                "spec": spec.model_dump(mode="json"),
                "threads": settings.train_threads,
            }
            for rank in range(1, spec.processes):
                self._helpers.append(_Helper(memory, start | {"rank": rank}))
            self._main = TorchEngine(base_folder, spec, settings)  # while the helpers load theirs
            self._exchange = Exchange(memory, spec.processes, self._main.weights.exchange.numel())
            self._answers()
            self._check_equal()
        except BaseException:
            self.close()
            raise
        finally:
            os.close(memory)

    def _check_equal(self) -> None:
        wanted = self._main.weights.digest()
        if any(found != wanted for found, _ in self._ask({"do": "digest"})):
            raise UnavailableError(
                "The processes of this job did not come to the same adapter; use processes 1"
            )

    def step(self, batches: Sequence[Batch], learning_rate: float) -> StepResult:
        shares = self._shares(batches)
        divergence = 0.0
        if self.spec.method == "kto":
            total, others = self._shared(
                "divergence_sum", shares, lambda: self._main.divergence_sum(shares[0])
            )
            divergence = max(0.0, (total + sum(each for each, _ in others)) / examples(batches))
        denominator, weights = self._main.denominator(batches), self._main.weights
        self._shared(
            "accumulate",
            shares,
            lambda: self._main.accumulate(shares[0], denominator, divergence),
            denominator=denominator,
            divergence=divergence,
        )
        self._exchange.put(0, weights.exchange)
        self._exchange.add_up()
        self._send({"do": "update", "learning_rate": learning_rate})
        self._exchange.take(weights.exchange)
        result = self._main.update(learning_rate)
        self._answers()
        return result

    def log_probabilities(self, batch: Batch) -> NDArray[np.float32]:
        places = self._places(batch)
        shares = [[batch.rows(chosen)] if chosen else [] for chosen in places]
        own, others = self._shared(
            "log_probabilities", shares, lambda: [self._main.log_probabilities(each) for each in shares[0]]
        )
        result = np.empty(len(batch.lengths), np.float32)
        grid = result.reshape(-1, len(batch.examples))
        for chosen, found in zip(places, [own, *(arrays for _, arrays in others)], strict=True):
            if chosen:
                grid[:, chosen] = found[0].reshape(-1, len(chosen))
        return result

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        max_new_tokens: Sequence[int],
        stop: frozenset[int],
        *,
        adapter: bool,
    ) -> list[list[int]]:
        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        parts = [order[rank :: self.spec.processes] for rank in range(self.spec.processes)]
        for helper, part in zip(self._helpers, parts[1:], strict=True):
            helper.ask(
                {
                    "do": "generate",
                    "prompts": [[int(token) for token in prompts[i]] for i in part],
                    "most": [max_new_tokens[i] for i in part],
                    "stop": sorted(stop),
                    "adapter": adapter,
                }
            )
        own = self._main.generate(
            [prompts[i] for i in parts[0]], [max_new_tokens[i] for i in parts[0]], stop, adapter=adapter
        )
        answers: list[list[int]] = [[] for _ in prompts]
        for part, found in zip(parts, [own, *(each for each, _ in self._answers())], strict=True):
            for i, answer in zip(part, found, strict=True):
                answers[i] = answer
        return answers

    def save_adapter(self, folder: Path) -> None:
        self._main.save_adapter(folder)

    def load_adapter(self, folder: Path) -> None:
        self._ask({"do": "load_adapter", "folder": str(folder)})
        self._main.load_adapter(folder)

    def save_state(self, folder: Path) -> None:
        random = [state.random_state(self._main.place.device)]
        for names, arrays in self._ask({"do": "random_state"}):
            random.append(
                {name: torch.from_numpy(each.copy()) for name, each in zip(names, arrays, strict=True)}
            )
        state.save(self._main.weights, self._main.first, random, folder)

    def load_state(self, folder: Path) -> None:
        self._ask({"do": "load_state", "folder": str(folder)})
        self._main.load_state(folder)

    def peak_memory(self) -> int:
        """Of all processes together."""
        return self._main.peak_memory() + sum(found for found, _ in self._ask({"do": "peak_memory"}))

    def describe(self) -> dict[str, Any]:
        return self._main.describe() | {"processes": self.spec.processes}

    def close(self) -> None:
        """End the helpers and wait for their end."""
        for helper in self._helpers:
            helper.close()
        self._helpers.clear()

    def _places(self, batch: Batch) -> list[list[int]]:
        """Which examples of the batch each process takes: every n-th, so that long and short ones are mixed."""
        count = self.spec.processes
        return [list(range(rank, len(batch.examples), count)) for rank in range(count)]

    def _shares(self, batches: Sequence[Batch]) -> list[list[Batch]]:
        shares: list[list[Batch]] = [[] for _ in range(self.spec.processes)]
        for batch in batches:
            for share, chosen in zip(shares, self._places(batch), strict=True):
                if chosen:
                    share.append(batch.rows(chosen))
        return shares

    def _shared(
        self, what: str, shares: Sequence[Sequence[Batch]], own: Callable[[], Any], **more: Any
    ) -> tuple[Any, list[tuple[Any, list[Any]]]]:
        """Every process's result for its share of the batches: that of this process, those of the helpers."""
        for helper, share in zip(self._helpers, shares[1:], strict=True):
            facts, arrays = wire.batches_to_arrays(share)
            helper.ask({"do": what, "batches": facts, **more}, arrays)
        return own(), self._answers()

    def _ask(self, content: dict[str, Any]) -> list[tuple[Any, list[Any]]]:
        self._send(content)
        return self._answers()

    def _send(self, content: dict[str, Any]) -> None:
        for helper in self._helpers:
            helper.ask(content)

    def _answers(self) -> list[tuple[Any, list[Any]]]:
        return [helper.answer() for helper in self._helpers]


class _Helper:
    """One helper process and the pipes to it."""

    def __init__(self, memory: int, start: dict[str, Any]) -> None:
        theirs_in, self._requests = os.pipe()
        self._results, theirs_out = os.pipe()
        inherited = (memory, theirs_in, theirs_out)
        command = [
            sys.executable,
            "-m",
            "whetstone.finetune.on_torch.rank",
            *(str(each) for each in inherited),
        ]
        try:
            self._process = subprocess.Popen(  # noqa: S603 (our own module)
                command, stdin=subprocess.PIPE, stdout=2, pass_fds=inherited
            )
        finally:
            os.close(theirs_in)
            os.close(theirs_out)
        self.ask(start)

    def ask(self, content: dict[str, Any], arrays: Sequence[Any] = ()) -> None:
        try:
            wire.send(self._requests, content, arrays)
        except BrokenPipeError:
            self._gone()

    def answer(self) -> tuple[Any, list[Any]]:
        try:
            content, arrays = wire.receive(self._results)
        except EOFError:
            self._gone()
        if "refused" in content:
            raise InvalidInputError(content["refused"])
        if "memory" in content:
            raise torch.OutOfMemoryError("a helper process ran out of device memory")
        return content["result"], arrays

    def _gone(self) -> Any:
        code = self._process.wait()
        if code < 0:
            raise InterruptedJobError(f"A helper process of this job was ended by signal {-code}")
        raise UnavailableError(
            f"A helper process of this job ended with code {code}; output.log in the job's folder says why. "
            "Use processes 1 to do without helpers"
        )

    def close(self) -> None:
        for pipe in (self._requests, self._results):
            os.close(pipe)
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
