"""The fine-tuning backends: one job from its dataset to a proven model folder, in the job's process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from whetstone import files
from whetstone.clock import iso, now_ms
from whetstone.finetune.data.types import Example
from whetstone.finetune.engine import Engine
from whetstone.finetune.engines import open_engine
from whetstone.finetune.export.build import ModelBuild
from whetstone.finetune.export.folder import write_model
from whetstone.finetune.export.verify import Spoken
from whetstone.finetune.failures import explained
from whetstone.finetune.ground import Ground, load_base, pin_base, prepare_rows
from whetstone.finetune.loop.checkpoints import BestAdapter, Checkpoints
from whetstone.finetune.loop.metrics import METRICS_FILE
from whetstone.finetune.loop.schedule import validation_interval
from whetstone.finetune.loop.training import LoopState, StoppedError, Training, TrainingData
from whetstone.finetune.loop.validation import Validation, sequence_log_probabilities, validation_rows
from whetstone.finetune.machine_check import check_machine, check_room
from whetstone.finetune.outcome import figures, result
from whetstone.finetune.proof.losses import held_out_losses
from whetstone.finetune.proof.prove import Proof, prove
from whetstone.finetune.spec import FineTuneSpec
from whetstone.optimize.reporter import Progress, Reporter
from whetstone.settings import Settings

# Where each phase begins and ends in the whole job; the names are those of the wire contract, §6.8.
PHASES = {
    "loading_data": (0.02, 0.06),
    "preparing_samples": (0.06, 0.1),
    "training": (0.1, 0.85),
    "validating": (0.85, 0.95),
    "finalizing": (0.95, 1.0),
}
ANSWERS_FILE = "answers.jsonl"
"""In the job's folder: what base and tuned model answered to each test row, and what was expected."""

_SPOKEN, _SPOKEN_TOKENS = 4, 24


async def run(spec: FineTuneSpec, reporter: Reporter, settings: Settings | None = None) -> dict[str, Any]:
    """Train, prove and keep a model; the result is JSON.

    Goes on from the newest checkpoint in `spec.job_dir`. When cancelled, the best adapter so far stays there. Raises
    `WhetstoneError` with a sentence for whatever a user can mend.
    """
    stop = threading.Event()
    try:
        return await asyncio.to_thread(_run, spec, Progress(reporter, PHASES), settings or Settings(), stop)
    except asyncio.CancelledError:
        stop.set()
        raise


def _run(spec: FineTuneSpec, progress: Progress, settings: Settings, stop: threading.Event) -> dict[str, Any]:
    spec.job_dir.mkdir(parents=True, exist_ok=True)
    with explained(spec):
        progress.at("loading_data", 0.0, "Loading the base model")
        base = load_base(spec, settings, lambda said: progress.at("loading_data", 0.5, said))
        pin_base(spec, base)
        progress.at("preparing_samples", 0.0, "Rendering and tokenising the rows")
        ground = prepare_rows(base, spec, settings)
        for note in ground.prepared.report["notes"]:
            progress.log(note)
        check_machine(ground, spec, settings)
        progress.at("preparing_samples", 0.5, f"Loading {base.ref.name} into memory")
        engine = open_engine(base.folder, spec, settings)
        try:
            return _Job(spec, progress, settings, ground, engine, stop).run()
        finally:
            engine.close()


class _Job:
    """The part of a job for which the model is in memory."""

    def __init__(
        self,
        spec: FineTuneSpec,
        progress: Progress,
        settings: Settings,
        ground: Ground,
        engine: Engine,
        stop: threading.Event,
    ) -> None:
        self._spec = spec
        self._progress = progress
        self._settings = settings
        self._ground = ground
        self._engine = engine
        self._stop = stop
        self._described = engine.describe()

    def run(self) -> dict[str, Any]:
        """Everything, in the order in which a user sees it."""
        spec, engine, ground = self._spec, self._engine, self._ground
        self._progress.log(_engine_sentence(self._described))
        if Checkpoints(spec.job_dir).newest() is None:  # else its files are on the disk already
            check_room(spec, ground.base, self._described["trainableParameters"])
        self._progress.at("preparing_samples", 0.7, "Measuring the base model on the test rows")
        # Before the first step, and before a checkpoint is loaded: until then the model is the base.
        base_losses = held_out_losses(
            engine, ground.prepared.test, ground.tokenizer.pad_id, spec.batch_size, seed=spec.seed
        )
        training = Training(engine, self._data(), spec, self._progress, self._stop)
        state = training.run()
        best = BestAdapter(spec.job_dir)
        engine.load_adapter(best.path)
        self._progress.at("validating", 0.0, "Comparing base and tuned model on the test rows")
        proof = prove(
            engine,
            ground.prepared.test,
            ground.tokenizer,
            base=base_losses,
            max_rows=spec.test_rows,
            batch_size=spec.batch_size,
            seed=spec.seed,
            say=self._say_proving,
            four_bit=spec.quantization == "4bit",
        )
        self._progress.log(proof.explanation)
        lines = (orjson.dumps(each.to_dict(), option=orjson.OPT_APPEND_NEWLINE) for each in proof.answers)
        files.write_atomic(spec.job_dir / ANSWERS_FILE, b"".join(lines))
        return self._keep(state, best, proof)

    def _data(self) -> TrainingData:
        spec, prepared, plan = self._spec, self._ground.prepared, self._ground.plan
        looks = 1 + plan.total_steps // validation_interval(spec, plan.total_steps)
        trained = plan.total_steps * plan.rows_per_step
        watched = validation_rows(prepared.validation, spec, trained, looks)
        pad_id = self._ground.tokenizer.pad_id
        return TrainingData(
            plan,
            prepared.train,
            self._reference(prepared.train),
            Validation(watched, spec, pad_id, self._reference(watched)),
            pad_id,
        )

    def _reference(self, examples: Sequence[Example]) -> NDArray[np.float32] | None:
        if self._spec.method == "sft":
            return None
        self._progress.at("preparing_samples", 0.8, f"Measuring the base model on {len(examples)} rows")
        return sequence_log_probabilities(
            self._engine, examples, self._spec.batch_size, self._ground.tokenizer.pad_id
        )

    def _say_proving(self, said: str) -> None:
        if self._stop.is_set():
            raise StoppedError
        self._progress.at("validating", 0.5, said)

    def _keep(self, state: LoopState, best: BestAdapter, proof: Proof) -> dict[str, Any]:
        """Make the model's folder of the best adapter, and the result of the job."""
        spec, ground = self._spec, self._ground
        self._progress.at("finalizing", 0.0, "Writing the model")
        found = figures(spec, ground, state, best, proof) | {"peakMemoryBytes": self._engine.peak_memory()}
        folder = write_model(
            ModelBuild(
                model_id=model_id(spec.job_id),
                models_dir=self._settings.training_dir / "models",
                adapter=best.path,
                base=ground.base,
                spec=spec,
                data=ground.prepared.report,
                results=found,
                engine=self._described,
                created_at=iso(now_ms()),
                metrics=spec.job_dir / METRICS_FILE,
                spoken=self._spoken(),
                threads=self._described.get("threads"),
            )
        )
        for note in folder.notes:
            self._progress.log(note)
        return result(spec, ground, found, self._described, folder)

    def _spoken(self) -> list[Spoken]:
        """A few answers that other readers of the model's files must repeat."""
        held_out = (*self._ground.prepared.test, *self._ground.prepared.validation)
        prompts = [each.prompt.tolist() for each in held_out[:_SPOKEN]]
        limits = [_SPOKEN_TOKENS] * len(prompts)
        stop = self._ground.tokenizer.stop_ids
        answers = self._engine.generate(prompts, limits, stop, adapter=True)
        return [Spoken(tuple(prompt), tuple(said)) for prompt, said in zip(prompts, answers, strict=True)]


def model_id(job_id: str) -> str:
    """The id of the model that a job makes: always the same, so that a resumed job makes no second one."""
    return f"model-{job_id.removeprefix('job-')}"


def _engine_sentence(engine: Mapping[str, Any]) -> str:
    share = f"{engine['trainableParameters']:,} of {engine['parameters']:,} weights"
    slow = (
        ". OpenBLAS is missing, which makes this many times slower" if engine.get("blas") == "bundled" else ""
    )
    return f"Training {share} on {engine['device'] or 'the processor'} in {engine['dtype']}{slow}"
