"""Child process: gepa with its defaults, over an adapter that asks the whole batch at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import gepa  # type: ignore[import-not-found]
from benchmarks.optimizers.child import Found, Job, serve
from benchmarks.optimizers.tasks import Messages, Models, Task
from gepa.core.adapter import EvaluationBatch  # type: ignore[import-not-found]


class _Adapter:
    propose_new_texts = None

    def __init__(self, task: Task, models: Models, loop: asyncio.AbstractEventLoop) -> None:
        self._world = task
        self._meter = models
        self._loop = loop

    def evaluate(self, batch: list[Any], candidate: dict[str, str], capture_traces: bool = False) -> Any:
        replies = self._loop.run_until_complete(self._ask(batch, candidate["prompt"]))
        judged = [self._world.judge(row, reply) for row, reply in zip(batch, replies, strict=True)]
        traces = [
            {"Inputs": row.text, "Generated Outputs": reply, "Feedback": judgement.feedback}
            for row, reply, judgement in zip(batch, replies, judged, strict=True)
        ]
        scores = [judgement.score for judgement in judged]
        return EvaluationBatch(replies, scores, traces if capture_traces else None)

    def make_reflective_dataset(
        self, _candidate: dict[str, str], batch: Any, components: Sequence[str]
    ) -> Mapping[str, Any]:
        return dict.fromkeys(components, batch.trajectories)

    async def _ask(self, batch: list[Any], prompt: str) -> list[str]:
        width = asyncio.Semaphore(self._meter.pace.width)

        async def one(row: Any) -> str:
            async with width:
                return await self._meter.answer_async(_messages(prompt, row.text))

        return await asyncio.gather(*map(one, batch))


def _messages(prompt: str, text: str) -> Messages:
    return [{"role": "system", "content": prompt}, {"role": "user", "content": text}]


class _Silent:
    def log(self, message: str) -> None:
        """Say nothing."""


def _search(task: Task, models: Models, job: Job) -> Found:
    loop = asyncio.new_event_loop()
    try:
        result = gepa.optimize(
            seed_candidate={"prompt": task.seed_prompt},
            trainset=task.train,
            valset=task.validation,
            adapter=_Adapter(task, models, loop),
            reflection_lm=lambda prompt: models.write(
                [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
            ),
            max_metric_calls=job.budget,
            seed=job.seed,
            logger=_Silent(),
        )
    finally:
        loop.close()
    best = result.best_candidate["prompt"]
    return Found(
        lambda text: _messages(best, text),
        lambda text: _messages(task.seed_prompt, text),
        {"validation": max(result.val_aggregate_scores), "candidates": len(result.candidates)},
    )


if __name__ == "__main__":
    serve(_search)
