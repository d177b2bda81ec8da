"""What a job starts from: its rows, the prompt in use today, and the prompt to build on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from whetstone.datasets.near_duplicates import normalise
from whetstone.errors import InvalidInputError
from whetstone.optimize.engine.program import Candidate, estimate_tokens
from whetstone.optimize.rows.examples import Example
from whetstone.optimize.rows.loading import MIN_JUDGED_ROWS, LoadedRows
from whetstone.optimize.rows.pool import Pool, build_pool
from whetstone.optimize.rows.stratified import stratified
from whetstone.optimize.spec import NativeSpec
from whetstone.privacy.gate import PrivacyGate
from whetstone.prompts.store import StoredPrompt

DEFAULT_ROOM = 8192
"""Tokens of a request where the model's context is unknown."""


@dataclass(frozen=True, slots=True)
class Start:
    """The two prompts of a job. `source` of the baseline: `given`, `current` or `rows`.

    The incumbent is what the agent runs today: the task's current artifact with its demonstrations; without one,
    the baseline.
    """

    incumbent: Candidate
    baseline: Candidate
    source: str
    parent: dict[str, Any] | None

    def to_dict(self) -> dict[str, Any]:
        """JSON form, read back by `from_dict`."""
        return {
            "incumbent": self.incumbent.to_dict(),
            "baseline": self.baseline.to_dict(),
            "source": self.source,
            "parent": self.parent,
        }

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Start:
        """The start that `to_dict` described."""
        return cls(
            Candidate.from_dict(document["incumbent"]),
            Candidate.from_dict(document["baseline"]),
            document["source"],
            document["parent"],
        )


@dataclass(frozen=True, slots=True)
class Setting:
    """Rows as they are used: capped, in balanced order, without those that the incumbent already shows."""

    pool: Pool
    validation: tuple[Example, ...]
    test: tuple[Example, ...]
    notes: tuple[str, ...]


def choose_start(spec: NativeSpec, rows: LoadedRows, current: StoredPrompt | None) -> Start:
    """The prompts to compare: `spec.baseline`, else the current artifact's, else the rows' commonest."""
    parent: dict[str, Any] | None = None
    incumbent: Candidate | None = None
    if current is not None:
        incumbent = Candidate.of_artifact(current.artifact)
        parent = {"version": current.version, "artifactId": current.artifact.artifact_id}
    if spec.baseline is not None:
        baseline, source = Candidate(spec.baseline), "given"
    elif incumbent is not None:
        baseline, source = incumbent.bare(), "current"
    else:
        prompts = Counter(example.system for example in (*rows.train, *rows.validation))
        baseline, source = Candidate(prompts.most_common(1)[0][0]), "rows"
    return Start(incumbent or baseline, baseline, source, parent)


def arrange(spec: NativeSpec, rows: LoadedRows, start: Start, room: int, privacy: PrivacyGate) -> Setting:
    """Choose the rows that are judged and those that may be shown.

    Raises `InvalidInputError` when too few remain, or the prompt alone fills the model's context.
    """
    shown = {normalise(item.input.user) for item in start.incumbent.demonstrations}
    fixed = max(start.incumbent.tokens(), start.baseline.tokens())
    judged: dict[str, tuple[Example, ...]] = {}
    left_out: Counter[str] = Counter()
    limits = {"validation": spec.max_validation_rows, "test": spec.max_test_rows}
    for split, examples in (("validation", rows.validation), ("test", rows.test)):
        kept: list[Example] = []
        for example in examples:
            if example.normalised in shown:
                left_out["the current prompt shows them as demonstrations"] += 1
            elif fixed + estimate_tokens(example.messages) + example.max_tokens > room:
                left_out[f"with the prompt they exceed the {room} tokens of a request"] += 1
            else:
                kept.append(example)
        judged[split] = tuple(stratified(kept, spec.seed, split)[: limits[split]])
        if len(kept) < MIN_JUDGED_ROWS:
            why = "; ".join(
                f"{count} rows were left out because {reason}" for reason, count in left_out.items()
            )
            raise InvalidInputError(f"{rows.task}: only {len(kept)} usable {split} rows remain. {why}")
    pool = build_pool(rows.train, (*rows.validation, *rows.test), privacy)
    if not pool.examples:
        raise InvalidInputError(f"{rows.task}: no training row may be shown; there are {len(rows.train)}")
    notes = [f"{count} rows were left out because {reason}." for reason, count in left_out.items()]
    return Setting(pool, judged["validation"], judged["test"], (*notes, *_notes(rows, start, pool)))


def _notes(rows: LoadedRows, start: Start, pool: Pool) -> Sequence[str]:
    notes = []
    if pool.leaks:
        notes.append(f"{pool.leaks} training rows repeat validation or test rows and are not shown.")
    everything = (*rows.train, *rows.validation)
    prompts = Counter(example.system for example in everything)
    covered = prompts[start.baseline.prompt]
    if start.source == "rows" and covered < len(everything) / 2:
        notes.append(
            f"The rows have {len(prompts)} different system prompts; the commonest, which is the baseline, is that of "
            f"{covered} of {len(everything)}. What the others held is not shown to the model."
        )
    return notes
