"""Accuracy, F1 and confusion of a classification.

Macro-F1 is the plain mean of the F1 of the classes that occur among the right answers, so that a rare class counts
as much as a common one, and a label that the model made up costs recall but adds no class.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

MAX_CLASSES = 50
MAX_NAME = 64
NAMED_AT_LEAST = 2
"""Rows whose right answers must hold a name before it is shown; one that occurs once may be a person's own words."""
OTHER = "(other)"
UNREADABLE = "(unreadable)"


def class_report(rows: Sequence[tuple[str, str | None, str | None]]) -> dict[str, Any]:
    """`accuracy`, `macroF1`, `unparsable`, `classes` (precision, recall, f1, support by class) and `confusion`
    (counts by expected and given class), of rows (id, expected label, given label); None for a label that cannot be read. A row may occur several times.

    At most 50 classes are named, the commonest; the others are counted together as `(other)` in the confusion.
    Rows whose expected answer has no label are left out.
    """
    known = [(expected, given) for _, expected, given in rows if expected is not None]
    support = Counter(expected for expected, _ in known)
    given_as = Counter(given for _, given in known)
    right = Counter(expected for expected, given in known if expected == given)
    scores = {name: _scores(right[name], given_as[name], support[name]) for name in support}
    named = _named({(row, expected) for row, expected, _ in rows if expected is not None})
    confusion: dict[str, Counter[str]] = {}
    for expected, given in known:
        column = UNREADABLE if given is None else given if given in named else OTHER
        confusion.setdefault(expected if expected in named else OTHER, Counter())[column] += 1
    return {
        "accuracy": right.total() / len(known) if known else None,
        "macroF1": sum(each["f1"] for each in scores.values()) / len(scores) if scores else None,
        "unparsable": given_as[None],
        "classes": {name: scores[name] for name in named},
        "confusion": {
            name: dict(sorted(confusion[name].items())) for name in (*named, OTHER) if name in confusion
        },
    }


def is_name(text: str) -> bool:
    """Whether a text is short enough for a name."""
    return len(text) <= MAX_NAME


def _named(labels: Collection[tuple[str, str]]) -> list[str]:
    support = Counter(name for _, name in labels)
    common = [name for name, count in support.items() if count >= NAMED_AT_LEAST and is_name(name)]
    return sorted(sorted(common), key=lambda name: -support[name])[:MAX_CLASSES]


def _scores(right: int, given: int, support: int) -> dict[str, float]:
    precision = right / given if given else 0.0
    recall = right / support
    f1 = 2 * right / (given + support)
    return {"precision": precision, "recall": recall, "f1": f1, "support": support}
