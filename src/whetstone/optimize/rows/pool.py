"""The pool of examples that may be shown to the model: from train only, and unlike any row it is judged on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from whetstone.optimize.metrics import Answer
from whetstone.optimize.rows.examples import Example
from whetstone.optimize.rows.leaks import near_copies
from whetstone.privacy.gate import PrivacyGate


@dataclass(frozen=True, slots=True)
class Pool:
    """Examples that may become demonstrations, and how many repeat a judged row or each other."""

    examples: tuple[Example, ...]
    leaks: int
    duplicates: int


def build_pool(train: Sequence[Example], judged: Sequence[Example], privacy: PrivacyGate | None) -> Pool:
    """Training rows without near-copies of `judged` rows (validation and test) or copies of each other, filtered
    again.

    The split keeps near-duplicates on one side already; this holds for files that came with a split of their own. A demonstration shows what a prompt artifact will carry, so it is tested in its filtered form. Without `privacy`
    the pool is only good for counting.
    """
    forbidden = {example.normalised for example in judged}
    copies = near_copies(train, judged)
    kept: dict[str, Example] = {}
    leaks = duplicates = 0
    for example in sorted(train, key=lambda item: item.quality):
        key = example.normalised
        if not key:
            continue  # there is nothing to show
        if key in forbidden or example.id in copies:
            leaks += 1
        elif key in kept:
            duplicates += 1
        else:
            kept[key] = example if privacy is None else _filtered(example, privacy)
    return Pool(tuple(kept.values()), leaks, duplicates)


def _filtered(example: Example, privacy: PrivacyGate) -> Example:
    return replace(
        example,
        messages=({"role": "user", "content": privacy.text(example.text)},),
        expected=Answer(privacy.text(example.expected_text)),
    )
