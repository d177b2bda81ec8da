"""A helper process of a data-parallel job: `python -m whetstone.finetune.on_torch.rank`, started by `ranks` only.

It lives as long as its standard input is open, which the system closes when the main process ends, however it ends.
Signals to the process group are the main process's to answer.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from whetstone.errors import InvalidInputError
from whetstone.finetune.on_torch import state, wire
from whetstone.finetune.on_torch.engine import TorchEngine
from whetstone.finetune.on_torch.exchange import Exchange
from whetstone.finetune.spec import FineTuneSpec
from whetstone.settings import Settings


class Helper:
    """Answers the main process's requests with its own engine."""

    def __init__(self, content: dict[str, Any], memory: int) -> None:
        spec = FineTuneSpec.model_validate(content["spec"])
        settings = Settings().model_copy(update={"train_threads": content["threads"]})
        self.rank = int(content["rank"])
        self.engine = TorchEngine(Path(content["base"]), spec, settings, rank=self.rank)
        self.exchange = Exchange(memory, spec.processes, self.engine.weights.exchange.numel())

    def answer(self, content: dict[str, Any], arrays: list[Any]) -> tuple[Any, list[Any]]:
        """The result of one request: JSON and arrays."""
        what: Callable[..., tuple[Any, list[Any]]] = getattr(self, f"_{content['do']}")
        return what(content, arrays)

    def _accumulate(self, content: dict[str, Any], arrays: list[Any]) -> tuple[Any, list[Any]]:
        batches = wire.batches_from_arrays(content["batches"], arrays)
        self.engine.accumulate(batches, content["denominator"], content["divergence"])
        self.exchange.put(self.rank, self.engine.weights.exchange)
        return None, []

    def _update(self, content: dict[str, Any], _: list[Any]) -> tuple[Any, list[Any]]:
        self.exchange.take(self.engine.weights.exchange)
        self.engine.update(content["learning_rate"])
        return None, []

    def _divergence_sum(self, content: dict[str, Any], arrays: list[Any]) -> tuple[Any, list[Any]]:
        return self.engine.divergence_sum(wire.batches_from_arrays(content["batches"], arrays)), []

    def _log_probabilities(self, content: dict[str, Any], arrays: list[Any]) -> tuple[Any, list[Any]]:
        return None, [
            self.engine.log_probabilities(each)
            for each in wire.batches_from_arrays(content["batches"], arrays)
        ]

    def _generate(self, content: dict[str, Any], _: list[Any]) -> tuple[Any, list[Any]]:
        return self.engine.generate(
            content["prompts"], content["most"], frozenset(content["stop"]), adapter=content["adapter"]
        ), []

    def _random_state(self, _: dict[str, Any], __: list[Any]) -> tuple[Any, list[Any]]:
        states = state.random_state(self.engine.place.device)
        return list(states), [each.numpy() for each in states.values()]

    def _load_state(self, content: dict[str, Any], _: list[Any]) -> tuple[Any, list[Any]]:
        self.engine.load_state(Path(content["folder"]))
        return None, []

    def _load_adapter(self, content: dict[str, Any], _: list[Any]) -> tuple[Any, list[Any]]:
        self.engine.load_adapter(Path(content["folder"]))
        return None, []

    def _peak_memory(self, _: dict[str, Any], __: list[Any]) -> tuple[Any, list[Any]]:
        return self.engine.peak_memory(), []

    def _digest(self, _: dict[str, Any], __: list[Any]) -> tuple[Any, list[Any]]:
        return self.engine.weights.digest(), []


def main() -> None:
    """Serve requests until the main process is gone."""
    memory, requests, answers = (int(each) for each in sys.argv[1:4])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        helper = Helper(wire.receive(requests)[0], memory)
        wire.send(answers, {"result": None})
        while True:
            content, arrays = wire.receive(requests)
            result, found = helper.answer(content, arrays)
            wire.send(answers, {"result": result}, found)
    except (EOFError, BrokenPipeError):
        os._exit(0)
    except InvalidInputError as error:
        wire.send(answers, {"refused": error.message})
    except torch.OutOfMemoryError:
        wire.send(answers, {"memory": True})


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
