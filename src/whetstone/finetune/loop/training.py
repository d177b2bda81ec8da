"""The training loop: steps, validations, checkpoints and the best adapter, until it is done or told to stop."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whetstone.errors import InvalidInputError
from whetstone.finetune.data.batches import Plan, collate
from whetstone.finetune.data.types import Batch, Example
from whetstone.finetune.engine import Engine, StepResult
from whetstone.finetune.loop.checkpoints import BestAdapter, Checkpoints
from whetstone.finetune.loop.metrics import METRICS_FILE, MetricsFile
from whetstone.finetune.loop.pace import Pace
from whetstone.finetune.loop.schedule import learning_rate, validation_interval
from whetstone.finetune.loop.validation import Validation
from whetstone.finetune.spec import FineTuneSpec
from whetstone.optimize.reporter import Progress

_SECONDS_BETWEEN_CHECKPOINTS = 60.0
_DONE, _IMPATIENT, _OUT_OF_TIME = "all steps done", "no better validation loss", "the time is up"


class StoppedError(Exception):
    """Somebody wants the training to end now."""


@dataclass(slots=True)
class LoopState:
    """Where a run is; with the engine's state, all that a resumed run needs.

    Losses are on validation rows; `base_loss` is that of the model before the first step.
    """

    step: int = 0
    base_loss: float | None = None
    last_loss: float | None = None
    best_loss: float | None = None
    looks_without_gain: int = 0
    tokens: int = 0
    learnt_tokens: int = 0
    seconds: float = 0.0
    ended: str | None = None


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What a run learns and looks at. `reference` (examples, sequences): for dpo and kto."""

    plan: Plan
    examples: Sequence[Example]
    reference: NDArray[np.float32] | None
    validation: Validation
    pad_id: int


class Training:
    """One run of the loop; `run` may be called once."""

    def __init__(
        self,
        engine: Engine,
        data: TrainingData,
        spec: FineTuneSpec,
        progress: Progress,
        stop: threading.Event,
    ) -> None:
        self._engine = engine
        self._data = data
        self._spec = spec
        self._progress = progress
        self._stop = stop
        self._state = LoopState()
        self._pace = Pace()
        self._newest: dict[str, float] = {}
        self._saved_at = time.monotonic()
        self._metrics = MetricsFile(spec.job_dir / METRICS_FILE)
        self._checkpoints = Checkpoints(spec.job_dir)
        self._best = BestAdapter(spec.job_dir)
        self._total = data.plan.total_steps
        self._interval = validation_interval(spec, self._total)

    def run(self) -> LoopState:
        """Train from where the job's folder says it was left; the engine then holds the last step's adapter.

        Raises `InvalidInputError` when the loss is no longer a number, `StoppedError` after `stop` was set.
        """
        self._resume()
        state = self._state
        while state.ended is None:
            self._advance()
            state.ended = self._reason_to_end()
            if state.step % self._interval == 0 or state.ended:
                self._look()
                state.ended = state.ended or self._impatience()
            self._tell()
            self._save(now=state.ended is not None)
        return state

    def _resume(self) -> None:
        found = self._checkpoints.newest()
        if found is None:
            self._metrics.forget_after(-1)
            self._look()
            self._state.base_loss = self._state.last_loss
            self._tell()
            return
        content, folder = found
        self._state = LoopState(**content)
        self._engine.load_state(folder)
        self._metrics.forget_after(self._state.step)
        self._progress.log(f"Going on after step {self._state.step} of {self._total}")

    def _advance(self) -> None:
        state = self._state
        self._check_stop()
        batches = self._batches(state.step)
        rate = learning_rate(self._spec, state.step, self._total)
        started = time.monotonic()
        result = self._engine.step(batches, rate)
        seconds = time.monotonic() - started
        tokens = sum(batch.tokens for batch in batches)
        state.step += 1
        state.seconds += seconds
        state.tokens += tokens
        state.learnt_tokens += sum(batch.learnt_tokens for batch in batches)
        self._check(result)
        self._pace.step(seconds, tokens)
        self._newest = {"loss": result.loss, "gradNorm": result.grad_norm, "learningRate": rate}

    def _batches(self, step: int) -> list[Batch]:
        data = self._data
        return [
            collate(data.examples, indexes, data.pad_id, data.reference) for indexes in data.plan.step(step)
        ]

    def _check(self, result: StepResult) -> None:
        if math.isfinite(result.loss) and math.isfinite(result.grad_norm):
            return
        what = "The loss" if not math.isfinite(result.loss) else "The gradient"
        raise InvalidInputError(
            f"{what} was no longer a number in step {self._state.step} of {self._total}, so the training was ended. "
            f"A learningRate below {self._spec.learning_rate:g}, more warmupSteps or precision 'fp32' usually help"
        )

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise StoppedError

    def _reason_to_end(self) -> str | None:
        if self._state.step >= self._total:
            return _DONE
        limit = self._spec.max_seconds
        return _OUT_OF_TIME if limit is not None and self._state.seconds >= limit else None

    def _impatience(self) -> str | None:
        patience = self._spec.patience
        return _IMPATIENT if patience is not None and self._state.looks_without_gain >= patience else None

    def _look(self) -> None:
        """Measure the validation loss, and keep the adapter if it is the best."""
        state = self._state
        self._check_stop()
        started = time.monotonic()
        state.last_loss = loss = self._data.validation.loss(self._engine)
        seconds = time.monotonic() - started
        state.seconds += seconds
        self._pace.look(seconds)
        if not math.isfinite(loss):
            raise InvalidInputError(_unusable(state.step))
        if state.step == 0:
            self._progress.log(f"Validation loss of the base model: {loss:.4f}")
            return
        better = state.best_loss is None or loss < state.best_loss
        state.looks_without_gain = 0 if better else state.looks_without_gain + 1
        if better:
            state.best_loss = loss
            record = {
                "step": state.step,
                "loss": loss,
                "baseLoss": state.base_loss,
                "evaluatedOn": "validation",
            }
            self._best.save(state.step, record, self._engine.save_adapter)
        self._progress.log(
            f"Step {state.step} of {self._total}: loss {self._newest['loss']:.4f}, validation {loss:.4f}"
            f"{' (best so far)' if better else ''}"
        )

    def _save(self, *, now: bool) -> None:
        """Write a checkpoint if it is time."""
        every = self._spec.save_every
        due = (
            time.monotonic() - self._saved_at >= _SECONDS_BETWEEN_CHECKPOINTS
            if every is None
            else self._state.step % every == 0
        )
        if now or due:
            self._checkpoints.save(self._state.step, asdict(self._state), self._engine.save_state)
            self._saved_at = time.monotonic()

    def _tell(self) -> None:
        """Write the figures of the step, and report them."""
        state, total = self._state, self._total
        left = self._pace.seconds_left(total - state.step, (total - state.step) // self._interval)
        looked = state.step % self._interval == 0 or state.ended is not None
        figures: dict[str, Any] = {
            **self._newest,
            "tokensPerSecond": _rounded(self._pace.tokens_per_second),
            "elapsedSeconds": round(state.seconds, 2),
            "etaSeconds": None if left is None or state.ended else round(left),
            "memoryBytes": self._engine.peak_memory(),
        }
        line = {
            "step": state.step,
            "total": total,
            "epoch": round(self._data.plan.epoch(state.step), 4),
            **figures,
            "evalLoss": state.last_loss if looked else None,
            "tokens": state.tokens,
            "learntTokens": state.learnt_tokens,
        }
        self._metrics.append(line)
        message = f"Step {state.step} of {total}"
        if self._newest:
            message += f", loss {self._newest['loss']:.4f}"
        self._progress.at(
            "training",
            state.step / total,
            message,
            currentIteration=state.step,
            totalIterations=total,
            evalLoss=state.last_loss,
            **{key: value for key, value in figures.items() if value is not None},
        )


def _unusable(step: int) -> str:
    if step == 0:
        return (
            "The base model's loss on the validation rows is not a number: its weights are damaged, or too large for the "
            "precision; try precision 'fp32'"
        )
    return f"The validation loss is not a number after step {step}. Lower the learningRate, or use precision 'fp32'"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
