"""Texts in which hardly anything is private: code, and questions that customers asked a bank."""

from __future__ import annotations

import csv
import json
import sysconfig
from pathlib import Path
from random import Random

from benchmarks.privacy.labelled import Document

_LONGEST = 8_000
_QUESTIONS_EACH = 10


def code(count: int, seed: int) -> list[Document]:
    """The beginnings of modules of this interpreter's standard library."""
    library = Path(sysconfig.get_path("stdlib"))
    paths = sorted(
        path
        for path in library.rglob("*.py")
        if not {"site-packages", "test", "tests", "__pycache__"} & set(path.relative_to(library).parts)
    )
    chosen = Random(seed).sample(paths, min(count, len(paths)))
    texts = (path.read_text(encoding="utf-8", errors="replace")[:_LONGEST] for path in chosen)
    return [Document(text, flavour="standard library") for text in texts if text.strip()]


def banking77(folder: Path, count: int, seed: int) -> list[Document]:
    """So many of the questions of banking77, ten to a document; none if the data set is not there."""
    path = folder / "banking77" / "test.csv"
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as lines:
        questions = [row["text"].strip() for row in csv.DictReader(lines)]
    Random(seed).shuffle(questions)
    chosen = questions[:count]
    return [
        Document("\n".join(chosen[start : start + _QUESTIONS_EACH]), flavour="banking77")
        for start in range(0, len(chosen), _QUESTIONS_EACH)
    ]


def tau_bench(folder: Path, count: int) -> list[Document]:
    """The first messages of recorded conversations of an airline's agent, unlabelled; none if they are not there."""
    path = folder / "tau-bench" / "gpt-4o-airline.json"
    if not path.is_file():
        return []
    messages = [message for run in json.loads(path.read_bytes()) for message in run["traj"]]
    texts = (message.get("content") or "" for message in messages if message["role"] != "system")
    return [Document(text, flavour="tau-bench") for text in texts if text.strip()][:count]
