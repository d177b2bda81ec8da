"""The labelled sets by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.privacy import agent, clean, credentials, environments, identifiers, people, templates
from benchmarks.privacy.labelled import Document

SEED = 20260612


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the sets come from: the folder of environments and the folder of real data."""

    cache: Path
    data: Path


def _templates(sources: Sources) -> list[Document]:
    return templates.Sentences(environments.templates(sources.cache)).documents(1_500, SEED)


def _other_scripts(sources: Sources) -> list[Document]:
    sentences = templates.Sentences(environments.templates(sources.cache))
    return sentences.documents(300, SEED, templates.OTHER_SCRIPTS)


SETS: dict[str, Callable[[Sources], list[Document]]] = {
    "templates": _templates,
    "other scripts": _other_scripts,
    "agent": lambda _: agent.documents(1_600, SEED),
    "people": lambda _: people.documents(),
    "secrets": lambda _: credentials.documents(7, SEED),
    "identifiers": lambda _: identifiers.documents(1_300, SEED),
    "code": lambda _: clean.code(40, SEED),
    "tau-bench": lambda sources: clean.tau_bench(sources.data, 800),
    "banking77": lambda sources: clean.banking77(sources.data, 2_000, SEED),
}
UNLABELLED = frozenset({"tau-bench"})
"""Sets of which nobody has marked what is private: measured for speed, and to be read with `--misses wrong`."""
CLEAN = frozenset({"code", "banking77"})
"""Sets in which nothing is private: only the over-redaction counts."""
