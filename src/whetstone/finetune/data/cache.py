"""Tokenised rows on disk, so that a job that starts again, or another one on the same data, need not render them.

The tokens are what the dataset's rows say, so they lie where their caller keeps such data, readable by its owner
alone. A file is a NumPy archive without pickled objects; one that is damaged, or of another format, is not used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from whetstone.files import replacing
from whetstone.finetune.data.types import Ids, Rendered
from whetstone.finetune.spec import FineTuneSpec

FORMAT = 2
"""Raised whenever the same rows would be tokenised otherwise."""

_DECIDING = ("method", "task", "include_unverified", "train_on", "max_length", "overlong", "seed")


@dataclass(frozen=True, slots=True)
class Entry:
    """A tokenised row: its place among the rows that were read, where it belongs, and its tokens."""

    index: int
    group: str
    side: str
    prompt: Ids
    sequences: tuple[Rendered, ...]


def file_digests(files: Iterable[Path]) -> dict[str, str]:
    """SHA-256 (hex) of each file's bytes, by its name."""
    found = {}
    for path in files:
        with path.open("rb") as file:
            found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def cache_key(files: Mapping[str, str], fingerprint: str, spec: FineTuneSpec) -> str:
    """SHA-256 (hex) over everything that decides the tokens; `files` are their digests."""
    import tokenizers
    import transformers

    digest = hashlib.sha256()
    for name, content in files.items():
        digest.update(f"{name}\0{content}\n".encode())
    options = {name: getattr(spec, name) for name in _DECIDING}
    versions = [FORMAT, tokenizers.__version__, transformers.__version__]
    digest.update(orjson.dumps([fingerprint, options, versions], option=orjson.OPT_SORT_KEYS))
    return digest.hexdigest()


def write_cache(path: Path, entries: Sequence[Entry], report: Mapping[str, Any]) -> None:
    """Write the entries and the report; a reader sees the whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    texts = [text for entry in entries for text in (entry.prompt, *(each.ids for each in entry.sequences))]
    learnt = [each.learnt for entry in entries for each in entry.sequences]
    about = {
        "format": FORMAT,
        "report": report,
        "entries": [[entry.index, entry.group, entry.side, len(entry.sequences)] for entry in entries],
    }
    arrays: dict[str, NDArray[Any]] = {
        "ids": np.concatenate(texts) if texts else np.zeros(0, np.int32),
        "lengths": np.array([len(text) for text in texts], np.int64),
        "learnt": np.concatenate(learnt) if learnt else np.zeros(0, np.bool_),
        "about": np.frombuffer(orjson.dumps(about), np.uint8),
    }
    with replacing(path) as file:  # made by mkstemp: nobody else may read it
        np.savez(file, allow_pickle=False, **arrays)


def read_cache(path: Path) -> tuple[list[Entry], dict[str, Any]] | None:
    """The entries and the report; None where there is no such file, or not a whole one."""
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            arrays = {name: content[name] for name in ("ids", "lengths", "learnt", "about")}
        about = orjson.loads(arrays["about"].tobytes())
        if about["format"] != FORMAT:
            return None
        return _entries(about["entries"], arrays), about["report"]
    except Exception:  # whatever a damaged archive makes NumPy or zlib raise
        return None


def _entries(about: Sequence[Sequence[Any]], arrays: Mapping[str, NDArray[Any]]) -> list[Entry]:
    lengths = arrays["lengths"].tolist()
    ids, learnt = arrays["ids"].astype(np.int32), arrays["learnt"].astype(np.bool_)
    at = learnt_at = number = 0

    def take() -> Ids:
        nonlocal at, number
        part = ids[at : at + lengths[number]]
        at, number = at + lengths[number], number + 1
        return part

    entries = []
    for index, group, side, count in about:
        prompt = take()
        sequences = []
        for _ in range(count):
            part = take()
            sequences.append(Rendered(part, learnt[learnt_at : learnt_at + len(part)]))
            learnt_at += len(part)
        entries.append(Entry(int(index), str(group), str(side), prompt, tuple(sequences)))
    if at != len(ids) or learnt_at != len(learnt) or number != len(lengths):
        raise ValueError("the file is not whole")
    return entries
