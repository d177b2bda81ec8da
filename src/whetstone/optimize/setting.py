"""What a job starts from: its rows, the prompt in use today, and the prompt to build on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from whetstone.datasets.near_duplicates import normalise
from whetstone.errors import InvalidInputError
from whetstone.optimize.engine.program import Candidate, prompt_component, tool_component
from whetstone.optimize.rows.examples import Example
from whetstone.optimize.rows.loading import MIN_JUDGED_ROWS, LoadedRows
from whetstone.optimize.rows.pool import Pool, build_pool
from whetstone.optimize.rows.stratified import stratified
from whetstone.optimize.spec import NativeSpec
from whetstone.privacy.gate import PrivacyGate
from whetstone.prompts.store import StoredPrompt
from whetstone.settings import Settings

DEFAULT_ROOM = 8192
"""Tokens of a request where the model's context is unknown."""

EMBEDDED_SIZE = 5
"""Most demonstrations in a set for the embedded model."""

_MAX_COMPONENTS = 8


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
    """Rows as they are used: capped, in balanced order, without those that the incumbent already shows.

    `pool` may be shown as demonstrations, `train` (the same rows, whole) asked and reflected on. `room`: tokens of a
    request.
    """

    pool: Pool
    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]
    room: int
    notes: tuple[str, ...]

    def longest(self) -> int:
        """Estimated tokens of the longest judged request beside the prompt, its answer included."""
        judged = (*self.validation, *self.test)
        return max(example.request_tokens for example in judged)


def fitted(spec: NativeSpec, settings: Settings) -> NativeSpec:
    """The specification with what was left open decided for the task's model."""
    few_shot = spec.few_shot
    if settings.lm_provider != "local" or "demonstrations" in few_shot.model_fields_set:
        return spec
    return spec.model_copy(update={"few_shot": few_shot.model_copy(update={"demonstrations": EMBEDDED_SIZE})})


def room_of(spec: NativeSpec, settings: Settings) -> int:
    """Tokens of a request: what the job asks for, else what the model is known to take."""
    wanted = spec.few_shot.max_request_tokens
    known = settings.local_lm_context if settings.lm_provider == "local" else DEFAULT_ROOM
    return known if wanted is None else wanted


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
    incumbent = incumbent or baseline
    components = _components(spec, rows, baseline.prompt)
    return Start(_with(incumbent, components), _with(baseline, components), source, parent)


def _components(spec: NativeSpec, rows: LoadedRows, prompt: str) -> dict[str, str]:
    """The further texts that are to be improved, as the rows have them today."""
    seen = (*rows.train, *rows.validation)
    found: dict[str, str] = {}
    if "prompts" in spec.components:
        prompts = Counter(example.system for example in seen if example.system.strip())
        prompts.pop(prompt, None)
        found |= {prompt_component(text): text for text, _ in prompts.most_common(_MAX_COMPONENTS)}
    if "tools" in spec.components:
        tools = Counter(
            (str(tool["function"].get("name")), str(tool["function"].get("description") or ""))
            for example in seen
            for tool in example.tools or ()
        )
        for (name, text), _ in tools.most_common():
            if len(found) < _MAX_COMPONENTS and text:
                found.setdefault(tool_component(name), text)
    return found


def _with(candidate: Candidate, components: dict[str, str]) -> Candidate:
    """The candidate with `components`, its own texts for them kept."""
    merged = {**components, **dict(candidate.components)}
    return Candidate(
        candidate.prompt, candidate.demonstrations, candidate.rendering, tuple(sorted(merged.items()))
    )


def arrange(
    spec: NativeSpec, rows: LoadedRows, start: Start, room: int, privacy: PrivacyGate | None
) -> Setting:
    """Choose the rows that are judged and those that may be shown; see `build_pool` for `privacy`.

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
            elif fixed + example.request_tokens > room:
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
    mine = {example.id for example in pool.examples}
    train = [
        example for example in rows.train if example.id in mine and fixed + example.request_tokens <= room
    ]
    notes = [f"{count} rows were left out because {reason}." for reason, count in left_out.items()]
    return Setting(
        pool,
        tuple(stratified(train, spec.seed, "train")),
        judged["validation"],
        judged["test"],
        room,
        (*notes, *_notes(rows, start, pool)),
    )


def _notes(rows: LoadedRows, start: Start, pool: Pool) -> Sequence[str]:
    notes = []
    if pool.leaks:
        notes.append(f"{pool.leaks} training rows repeat validation or test rows and are not shown.")
    everything = (*rows.train, *rows.validation)
    prompts = Counter(example.system for example in everything)
    known = {start.baseline.prompt, *start.baseline.texts().values()}
    covered = sum(count for prompt, count in prompts.items() if prompt in known)
    if start.source == "rows" and covered < len(everything) / 2:
        notes.append(
            f"The rows have {len(prompts)} different system prompts; the commonest, which is the baseline, is that of "
            f"{covered} of {len(everything)}. What the others held is not shown to the model."
        )
    return notes
