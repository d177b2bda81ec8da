"""What became of the rows of a job, in figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, TypeAlias

import numpy as np

from whetstone.datasets.split import SIDES
from whetstone.finetune.data.fitting import Fitted

Report: TypeAlias = dict[str, Any]

_SHORTEST_BIN = 32


def make_report(rows: Sequence[Fitted], dropped: Mapping[str, int], notes: Sequence[str]) -> Report:
    """JSON with these keys.

    `rows` and `tokens` by side; `tokens.learnt` are those of train that the loss counts. `dropped` rows by reason,
    `cut` rows that lost their oldest messages. `lengths` of all rows' longest sequences in tokens: `p50`, `p90`,
    `max`, and a `histogram` of bins `{"upTo", "rows"}`. `hashes` of each side's tokens, whatever their order.
    `tasks` rows by task, `notes` sentences for the person who started the job.
    """
    sides = {side: [each for each in rows if each.material.side == side] for side in SIDES}
    cut = sum(each.cut for each in rows)
    lengths = np.array([max(each.tokens for each in row.sequences) for row in rows])
    tokens = {
        side: sum(each.tokens for row in found for each in row.sequences) for side, found in sides.items()
    }
    learnt = sum(int(each.learnt.sum()) for row in sides["train"] for each in row.sequences)
    return {
        "rows": {side: len(found) for side, found in sides.items()},
        "tokens": {**tokens, "learnt": learnt},
        "dropped": dict(sorted(dropped.items())),
        "cut": cut,
        "lengths": {
            "p50": int(np.percentile(lengths, 50)),
            "p90": int(np.percentile(lengths, 90)),
            "max": int(lengths.max()),
            "histogram": _histogram(lengths.tolist()),
        },
        "hashes": {side: _hash(found) for side, found in sides.items()},
        "tasks": dict(sorted(Counter(each.material.task for each in rows).items())),
        "notes": [*notes, *_loss_notes(cut, dropped)],
    }


def _loss_notes(cut: int, dropped: Mapping[str, int]) -> list[str]:
    notes = []
    if cut:
        notes.append(f"{cut} rows were longer than maxLength and lost their oldest messages.")
    if dropped:
        reasons = ", ".join(
            f"{reason.replace('_', ' ')} {count}" for reason, count in sorted(dropped.items())
        )
        notes.append(f"Rows left out: {reasons}.")
    return notes


def _histogram(lengths: Sequence[int]) -> list[dict[str, int]]:
    bins: list[dict[str, int]] = []
    lower, upper = 0, _SHORTEST_BIN
    while lower < max(lengths):
        bins.append({"upTo": upper, "rows": sum(lower < length <= upper for length in lengths)})
        lower, upper = upper, upper * 2
    return bins


def _hash(rows: Sequence[Fitted]) -> str:
    contents = []
    for row in rows:
        one = sha256()
        for each in row.sequences:
            one.update(each.ids.tobytes() + b"\0" + each.learnt.tobytes() + b"\1")
        contents.append(one.digest())
    return sha256(b"".join(sorted(contents))).hexdigest()
