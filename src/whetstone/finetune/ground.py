"""What stands before the first step of a job: the base model's folder, its tokenizer, the rows, and the plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from whetstone.errors import InvalidInputError
from whetstone.files import write_json
from whetstone.finetune.bases.names import find_base
from whetstone.finetune.bases.prepare import Base, prepare_base
from whetstone.finetune.data.batches import Plan
from whetstone.finetune.data.prepare import Prepared, prepare
from whetstone.finetune.data.tokenizer import ChatTokenizer
from whetstone.finetune.spec import FineTuneSpec
from whetstone.settings import Settings

_PIN = "base.json"


@dataclass(frozen=True, slots=True)
class Ground:
    """A base model, and the rows as it reads them."""

    base: Base
    tokenizer: ChatTokenizer
    prepared: Prepared
    plan: Plan

    @property
    def longest(self) -> int:
        """Tokens of the longest sequence that is trained on or looked at."""
        return max(each.longest for each in (*self.prepared.train, *self.prepared.validation))


def load_base(spec: FineTuneSpec, settings: Settings, say: Callable[[str], None]) -> Base:
    """The base model as a folder; takes a while for one that was never used, and tells `say` how it goes.

    A job that goes on gets the very weights that it began with. Raises `InvalidInputError` for a model that cannot be
    had or trained, or that has changed since.
    """
    ref = find_base(spec.model, settings)
    pinned = _read_pin(spec.job_dir / _PIN)
    if ref.kind == "hub" and pinned.get("revision"):
        ref = replace(ref, revision=pinned["revision"])
    base = prepare_base(ref, settings, say)
    if pinned.get("fingerprint", base.fingerprint) != base.fingerprint:
        raise InvalidInputError(f"The base model {ref.name} has changed since the job began; start a new job")
    return base


def pin_base(spec: FineTuneSpec, base: Base) -> None:
    """Note in the job's folder which weights the job began with."""
    write_json(spec.job_dir / _PIN, {"fingerprint": base.fingerprint, "revision": base.revision})


def _read_pin(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return content


def prepare_rows(base: Base, spec: FineTuneSpec, settings: Settings) -> Ground:
    """The rows of the job's dataset in tokens of `base`; read from a cache where nothing has changed.

    Raises `InvalidInputError` when there are too few.
    """
    tokenizer = ChatTokenizer.load(base.folder)
    prepared = prepare(spec.dataset_dir, spec, tokenizer, settings.training_dir / "tokens")
    longest, known = prepared.report["lengths"]["max"], base.config.get("max_position_embeddings")
    if isinstance(known, int) and longest > known:
        note = (
            f"The longest row has {longest} tokens, and the base model was made for {known}: set maxLength to {known} "
            "or less, since it cannot be expected to read beyond"
        )
        prepared = replace(prepared, report={**prepared.report, "notes": [*prepared.report["notes"], note]})
    return Ground(base, tokenizer, prepared, Plan(prepared.train, spec))
