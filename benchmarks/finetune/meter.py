"""What a trainer's process measures: time, processor time, memory, and the tokens that went through the model."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.finetune.recipe import Recipe

_UNIT = 1 if sys.platform == "darwin" else 1024


class Meter:
    """Runs from the first step's start to the last one's end: loading, tokenising and saving are nobody's time."""

    def __init__(self) -> None:
        self.tokens = self.places = 0
        self._figures: dict[str, float] = {}
        self._begun = (0.0, 0.0)

    def start(self) -> None:
        """Start the clocks."""
        _finish()
        self.tokens = self.places = 0
        self._begun = (time.perf_counter(), _cpu_seconds())

    def stop(self) -> None:
        """Stop them; the most memory so far is what training took."""
        _finish()
        wall, cpu = self._begun
        self._figures = {
            "wall": time.perf_counter() - wall,
            "cpu": _cpu_seconds() - cpu,
            "memory": float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT),
            "device_memory": _device_memory(),
        }

    def count(self, tokens: int, places: int) -> None:
        """A batch with so many tokens (prompts and answers) in so many places, padding included."""
        self.tokens += tokens
        self.places += places

    def watch(self, model: Any) -> None:
        """Count what a torch model is given."""

        def see(_module: Any, _arguments: Any, named: dict[str, Any]) -> None:
            mask, ids = named.get("attention_mask"), named["input_ids"]
            self.count(ids.numel() if mask is None else int(mask.sum()), ids.numel())

        model.register_forward_pre_hook(see, with_kwargs=True)

    def figures(self) -> dict[str, Any]:
        """As JSON can hold them; seconds and bytes."""
        return {**self._figures, "tokens": self.tokens, "places": self.places}


def serve(train: Callable[[Recipe, Meter], None]) -> None:
    """Train by the recipe on standard input and answer with the figures, one line of JSON; what is printed otherwise goes
    to standard error."""
    output, sys.stdout = sys.stdout, sys.stderr
    meter = Meter()
    train(Recipe.from_json(sys.stdin.read()), meter)
    output.write(json.dumps(meter.figures()) + "\n")
    output.flush()


def _cpu_seconds() -> float:
    """Of this process and of what it ran: MLX calls a compiler."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _finish() -> None:
    """Wait for what the device still computes."""
    torch = _torch_on_gpu()
    if torch is not None:
        torch.cuda.synchronize()


def _device_memory() -> float:
    """Most bytes that torch held on the device; 0 without one."""
    torch = _torch_on_gpu()
    return 0.0 if torch is None else float(torch.cuda.max_memory_allocated())


def _torch_on_gpu() -> Any:
    torch = sys.modules.get("torch")
    return torch if torch is not None and torch.cuda.is_available() else None
