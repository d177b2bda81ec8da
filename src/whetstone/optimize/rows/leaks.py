"""Finds rows that nearly repeat other rows, for data that was divided by somebody else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from whetstone.datasets.near_duplicates import (
    THRESHOLD,
    Fingerprint,
    jaccard,
    shingles,
    template_shingles,
)
from whetstone.optimize.rows.examples import Example

_TEMPLATE_SAMPLE = 200


def near_copies(rows: Sequence[Example], judged: Sequence[Example]) -> set[str]:
    """Ids of `rows` whose text is a near-duplicate of a judged row's, what most texts share left aside."""
    texts = [example.text for example in (*judged, *rows)]
    template = template_shingles(dict.fromkeys(texts[:_TEMPLATE_SAMPLE]))
    known: defaultdict[tuple[int, int], list[set[int]]] = defaultdict(list)
    for text in texts[: len(judged)]:
        own = shingles(text) - template
        for key in _bands(own):
            known[key].append(own)
    found = set()
    for row in rows:
        own = shingles(row.text) - template
        if any(jaccard(own, other) >= THRESHOLD for key in _bands(own) for other in known.get(key, ())):
            found.add(row.id)
    return found


def _bands(own: set[int]) -> list[tuple[int, int]]:
    return list(enumerate(Fingerprint.of(own).bands))
