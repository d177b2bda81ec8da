"""What stands before the first step of a job: the base model's folder, its tokenizer, the rows, and the plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from whetstone.finetune.bases.names import find_base
from whetstone.finetune.bases.prepare import Base, prepare_base
from whetstone.finetune.data.batches import Plan
from whetstone.finetune.data.prepare import Prepared, prepare
from whetstone.finetune.data.tokenizer import ChatTokenizer
from whetstone.finetune.spec import FineTuneSpec
from whetstone.settings import Settings


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

    Raises `InvalidInputError` for a model that cannot be had or trained.
    """
    return prepare_base(find_base(spec.model, settings), settings, say)


def prepare_rows(base: Base, spec: FineTuneSpec, settings: Settings) -> Ground:
    """The rows of the job's dataset in tokens of `base`; read from a cache where nothing has changed.

    Raises `InvalidInputError` when there are too few.
    """
    tokenizer = ChatTokenizer.load(base.folder)
    prepared = prepare(spec.dataset_dir, spec, tokenizer, settings.training_dir / "tokens")
    return Ground(base, tokenizer, prepared, Plan(prepared.train, spec))
