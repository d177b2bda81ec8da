"""From rows to tokenised examples: read, divide, render, fit, count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import structlog

from whetstone.datasets.split import SIDES, Side
from whetstone.errors import InvalidInputError
from whetstone.finetune.data.cache import Entry, cache_key, file_digests, read_cache, write_cache
from whetstone.finetune.data.dividing import divided
from whetstone.finetune.data.fitting import NOT_RENDERABLE, TOO_LONG, Fitted, conversations, fitted
from whetstone.finetune.data.loading import Reading, read_material, source_files, why_too_few
from whetstone.finetune.data.material import Material
from whetstone.finetune.data.report import Report, make_report
from whetstone.finetune.data.template import NotRenderableError
from whetstone.finetune.data.tokenizer import ChatTokenizer, Conversation
from whetstone.finetune.data.types import Example, Ids, Rendered
from whetstone.finetune.spec import FineTuneSpec

MIN_TRAIN, MIN_VALIDATION = 2, 1

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Prepared:
    """The examples of a job by side, and what became of the rows, as JSON: see `report.make_report`.

    The report's `files` are the SHA-256 of what was read, by name.
    """

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]
    report: Report


def prepare(
    path: Path, spec: FineTuneSpec, tokenizer: ChatTokenizer, cache_dir: Path | None = None
) -> Prepared:
    """The examples of the rows in a dataset's folder or a JSONL file, with the tokens from `cache_dir` where known.

    Raises NotFoundError without such a file; InvalidInputError for a malformed line, an unknown task, or too few rows
    (the message counts them and says what to do).
    """
    files = file_digests(source_files(path, spec))
    reading = read_material(path, spec)
    cached = None
    if cache_dir is not None:
        file = cache_dir / f"{cache_key(files, tokenizer.fingerprint, spec)}.npz"
        cached = read_cache(file)
    if cached is None or any(entry.index >= len(reading.material) for entry in cached[0]):
        entries, report = _tokenised(reading, spec, tokenizer)
        cached = entries, report | {"files": files}
        if cache_dir is not None:
            _keep(file, *cached)
    return _prepared(reading.material, *cached)


def _keep(file: Path, entries: list[Entry], report: Report) -> None:
    try:
        write_cache(file, entries, report)
    except OSError as error:  # a full or read-only disk costs time at the next start, and nothing else
        _log.warning("tokens could not be kept", reason=error.strerror)


def _prepared(material: Sequence[Material], entries: Sequence[Entry], report: Report) -> Prepared:
    sides: dict[str, list[Example]] = {side: [] for side in SIDES}
    for entry in entries:
        each = material[entry.index]
        sides[entry.side].append(
            Example(each.id, each.task, entry.group, entry.sequences, each.desirable, entry.prompt, each.row)
        )
    # An order of their own: the order in which trajectories arrived must not matter.
    train, validation, test = (tuple(sorted(sides[side], key=lambda made: made.id)) for side in SIDES)
    return Prepared(train, validation, test, report)


def _tokenised(reading: Reading, spec: FineTuneSpec, tokenizer: ChatTokenizer) -> tuple[list[Entry], Report]:
    material, notes = list(reading.material), list(reading.notes)
    if without := sum(each.side is None for each in material):
        if without < len(material):
            raise InvalidInputError(
                f"{without} of {len(material)} rows name no side: name train, validation or test in the split of all "
                "rows, or leave it out of all"
            )
        material, note = divided(material, spec.seed)
        notes.append(note)
    place = {each.id: index for index, each in enumerate(material)}
    rows, dropped = fitted(material, tokenizer, spec)
    rows, prompts = _with_prompts(rows, tokenizer, dropped)
    _check_enough(rows, dropped, reading, spec)
    if spec.method == "kto":
        rows = _with_mismatches(rows, tokenizer, spec)
    entries = [
        Entry(place[each.material.id], each.material.group, str(each.material.side), prompt, each.sequences)
        for each, prompt in zip(rows, prompts, strict=True)
    ]
    notes += _template_notes(material, tokenizer)
    return entries, make_report(rows, dropped, notes)


def _with_prompts(
    rows: Sequence[Fitted], tokenizer: ChatTokenizer, dropped: Counter[str]
) -> tuple[list[Fitted], list[Ids]]:
    chats = [Conversation(each.material.question, each.material.tools, "last") for each in rows]
    kept: list[Fitted] = []
    prompts: list[Ids] = []
    for each, prompt in zip(rows, tokenizer.prompts(chats), strict=True):
        if isinstance(prompt, NotRenderableError):
            dropped[NOT_RENDERABLE] += 1
        else:
            kept.append(each)
            prompts.append(prompt)
    return kept, prompts


def _with_mismatches(rows: Sequence[Fitted], tokenizer: ChatTokenizer, spec: FineTuneSpec) -> list[Fitted]:
    """Each row with a second sequence: its prompt with the answer of another row of its side.

    Which one is fixed by the seed: in an order by hash, that of the next. The tokens end at the longest length. A row
    that is alone on its side is its own mismatch.
    """
    others: dict[str, Material] = {}
    for side in SIDES:
        ranked = sorted(
            (each.material for each in rows if each.material.side == side),
            key=lambda each: sha256(f"{spec.seed}:{each.id}".encode("utf-8", "surrogatepass")).digest(),
        )
        others |= {each.id: ranked[(at + 1) % len(ranked)] for at, each in enumerate(ranked)}
    mixed = [replace(each.material, answers=others[each.material.id].answers) for each in rows]
    rendered = tokenizer.conversations(chat for each in mixed for chat in conversations(each))
    made = []
    for each, found in zip(rows, rendered, strict=True):
        other = each.sequences[0]
        if isinstance(found, Rendered) and found.learnt[: spec.max_length].any():
            other = Rendered(found.ids[: spec.max_length], found.learnt[: spec.max_length])
        made.append(replace(each, sequences=(*each.sequences, other)))
    return made


def _check_enough(
    rows: Sequence[Fitted], dropped: Counter[str], reading: Reading, spec: FineTuneSpec
) -> None:
    sides = Counter(each.material.side for each in rows)
    if sides["train"] >= MIN_TRAIN and sides["validation"] >= MIN_VALIDATION:
        return
    lost = ", ".join(f"{reason} {count}" for reason, count in sorted(dropped.items()))
    raise InvalidInputError(
        f"Training needs at least {MIN_TRAIN} rows to learn and {MIN_VALIDATION} for validation; there are "
        f"{sides['train']} and {sides['validation']}{f' (left out: {lost})' if lost else ''}. "
        + _advice(sides, dropped, reading, spec)
    )


def _advice(sides: Counter[Side | None], dropped: Counter[str], reading: Reading, spec: FineTuneSpec) -> str:
    """What to do about the commonest reason for which rows were left out; without any, about their lack."""
    reason = max(dropped, key=lambda name: dropped[name], default=None)
    if reason == TOO_LONG:
        return f"Set maxLength above {spec.max_length}"
    if reason == NOT_RENDERABLE:
        return "The model's chat template does not take these conversations: choose another model"
    if not dropped and sides["train"] + sides["validation"] + sides["test"] > MIN_TRAIN:
        return (
            f"The rows' own split puts {sides['test']} into test: name train and validation in metadata.split, or leave "
            "it out of all rows"
        )
    return why_too_few(reading, spec)


def _template_notes(material: Sequence[Material], tokenizer: ChatTokenizer) -> list[str]:
    notes = list(tokenizer.notes)
    if not tokenizer.knows_tools and (count := sum(each.tools is not None for each in material)):
        notes.append(f"The chat template shows no tools; those offered in {count} rows are left out.")
    calling = sum("tool_calls" in message for each in material for message in (*each.question, *each.answers))
    if calling and not tokenizer.knows_calls:
        notes.append(f"The chat template shows no tool calls; {calling} messages have theirs as JSON text.")
    if not tokenizer.knows_system and any(
        message["role"] == "system" for each in material for message in each.question
    ):
        notes.append("The chat template shows no system prompt; it goes in front of the first question.")
    return notes
