"""Child process: dspy's GEPA, MIPROv2 or BootstrapFewShotWithRandomSearch (the argument), with its defaults.

Only what an equal budget asks for is set: GEPA knows a limit of metric calls; of MIPROv2 and of the random search the
number of trials or candidates is chosen so that the expected calls are the budget, counted after bootstrapping where the
library allows it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

import dspy  # type: ignore[import-not-found]
from benchmarks.optimizers.child import Engine, Found, Job, serve
from benchmarks.optimizers.tasks import Messages, Models, Task
from dspy.lm15 import Message, Request, Response, TextPart, Usage  # type: ignore[import-not-found]

_CANDIDATES = 10
_MINIBATCH, _FULL_EVERY = 35, 5
_FIXED_PROGRAMS = 3
_BOOTSTRAP_CALLS = 6
_BOOTSTRAPPED = 4
_MANY = 100_000
"""Answers that cannot be read are wrong ones; by default, ten of them end a search."""


class _Scripted:
    """An engine of dspy's language-model interface over one of the scripted models."""

    def __init__(self, ask: Callable[[Messages], str]) -> None:
        self._ask = ask

    def complete(self, request: Request) -> Response:
        """Answer a request in dspy's own form."""
        text = self._ask(_plain(request))
        usage = Usage(input_tokens=0, output_tokens=0, total_tokens=0)
        return Response(
            id=None,
            model="scripted",
            message=Message.assistant([TextPart(text)]),
            finish_reason="stop",
            usage=usage,
        )

    def close(self) -> None:
        """Nothing to close."""


def _plain(request: Request) -> list[dict[str, str]]:
    system = request.system
    if system is not None and not isinstance(system, str):
        system = "".join(part.text for part in system)
    messages = [{"role": "system", "content": system}] if system else []
    return messages + [{"role": each.role, "content": each.text or ""} for each in request.messages]


def _model(ask: Callable[[Messages], str]) -> Any:
    return dspy.LM("scripted", engine=_Scripted(ask), cache=False, num_retries=0)


class _Setup:
    """A task in dspy's terms."""

    def __init__(self, task: Task, models: Models) -> None:
        self.task = task
        self.program = dspy.Predict(dspy.Signature("case -> reply", task.seed_prompt))
        self.train, self.validation = (
            [_example(task, row) for row in rows] for rows in (task.train, task.validation)
        )
        self.task_model, self.reflection_model = _model(models.answer), _model(models.write)

    def metric(self, example: Any, prediction: Any, *_: Any) -> float:
        """Score of a prediction."""
        return self.task.judge(self.task.rows[example.id], prediction.reply or "").score

    def metric_with_feedback(self, example: Any, prediction: Any, *_: Any) -> Any:
        """Score and feedback, for GEPA."""
        judgement = self.task.judge(self.task.rows[example.id], prediction.reply or "")
        return dspy.Prediction(score=judgement.score, feedback=judgement.feedback)


def _example(task: Task, row: Any) -> Any:
    return dspy.Example(id=row.id, case=row.text, reply=task.reply(row)).with_inputs("case")


def _gepa(setup: _Setup, models: Models, job: Job) -> Any:
    optimizer = dspy.GEPA(
        metric=setup.metric_with_feedback,
        max_metric_calls=job.budget,
        reflection_lm=setup.reflection_model,
        num_threads=_threads(models),
        seed=job.seed,
    )
    return optimizer.compile(setup.program, trainset=setup.train, valset=setup.validation)


class _Budgeted(dspy.MIPROv2):  # type: ignore[misc]
    """Does as many trials as the budget has left after bootstrapping."""

    models: Models
    budget: int

    def _optimize_prompt_parameters(self, *arguments: Any) -> Any:
        program, instructions, demonstrations, evaluate, validation, _, *rest = arguments
        left = self.budget - self.models.calls - len(validation)
        trials = max(1, left // _MINIBATCH)
        while trials > 1 and _trial_calls(trials, len(validation)) > left:
            trials -= 1
        return super()._optimize_prompt_parameters(
            program, instructions, demonstrations, evaluate, validation, trials, *rest
        )


def _trial_calls(trials: int, validation: int) -> int:
    full = trials // _FULL_EVERY + (trials % _FULL_EVERY != 0)
    return trials * _MINIBATCH + full * validation


def _mipro(setup: _Setup, models: Models, job: Job) -> Any:
    optimizer = _Budgeted(
        metric=setup.metric,
        prompt_model=setup.reflection_model,
        task_model=setup.task_model,
        auto=None,
        num_candidates=_CANDIDATES,
        num_threads=_threads(models),
        seed=job.seed + 1,
    )
    optimizer.models, optimizer.budget = models, job.budget
    return optimizer.compile(
        setup.program,
        trainset=setup.train,
        valset=setup.validation,
        num_trials=1,
        minibatch=True,
        minibatch_size=min(_MINIBATCH, len(setup.validation)),
        minibatch_full_eval_steps=_FULL_EVERY,
    )


def _few_shot(setup: _Setup, models: Models, job: Job) -> Any:
    validation = len(setup.validation)
    programs = (job.budget - _FIXED_PROGRAMS * validation - _BOOTSTRAP_CALLS) // (
        validation + _BOOTSTRAP_CALLS
    )
    optimizer = dspy.BootstrapFewShotWithRandomSearch(
        metric=setup.metric,
        max_bootstrapped_demos=min(_BOOTSTRAPPED, job.shown),
        max_labeled_demos=job.shown,
        max_errors=_MANY,
        num_candidate_programs=max(1, programs),
        num_threads=_threads(models),
    )
    return optimizer.compile(setup.program, trainset=setup.train, valset=setup.validation)


def _threads(models: Models) -> int:
    return models.pace.width if models.pace.latency else 1


def _engine(compile_: Callable[[_Setup, Models, Job], Any]) -> Engine:
    def search(task: Task, models: Models, job: Job) -> Found:
        setup = _Setup(task, models)
        adapter = dspy.ChatAdapter()
        with dspy.context(lm=setup.task_model, adapter=adapter):
            best = compile_(setup, models, job)
        return Found(
            _renderer(adapter, best), _renderer(adapter, setup.program), {"demonstrations": len(best.demos)}
        )

    return search


def _renderer(adapter: Any, program: Any) -> Callable[[str], Messages]:
    def render(text: str) -> Messages:
        messages: list[dict[str, str]] = adapter.format(program.signature, program.demos, {"case": text})
        return messages

    return render


_ENGINES = {"gepa": _gepa, "mipro": _mipro, "few-shot": _few_shot}

if __name__ == "__main__":
    logging.disable(logging.WARNING)
    serve(_engine(_ENGINES[sys.argv[1]]))
