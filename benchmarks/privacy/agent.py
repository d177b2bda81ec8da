"""The set `agent`: documents as agents read and write them, a quarter of them without anything private."""

from __future__ import annotations

from benchmarks.privacy.conversations import CONVERSATIONS
from benchmarks.privacy.fakes import Fakes
from benchmarks.privacy.labelled import Document, labelled
from benchmarks.privacy.machinery import MACHINERY
from benchmarks.privacy.negatives import NEGATIVES

_CLEAN = 4
"""Every so many documents, one is clean."""


def documents(count: int, seed: int) -> list[Document]:
    """So many documents, of every flavour in turn."""
    fakes = Fakes(seed)
    makers = {**CONVERSATIONS, **MACHINERY}
    names, clean = list(makers), list(NEGATIVES)
    made: list[Document] = []
    for position in range(count):
        if position % _CLEAN == _CLEAN - 1:
            flavour = clean[position // _CLEAN % len(clean)]
            made.append(Document(NEGATIVES[flavour](fakes.random), flavour=flavour))
        else:
            flavour = names[(position - position // _CLEAN) % len(names)]
            made.append(labelled(makers[flavour](fakes), flavour))
    return made
