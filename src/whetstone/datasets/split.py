"""Dividing groups of trajectories into train, validation and test.

A group is a trajectory with all that are joined to it by near-duplicate requests; it falls on one side as a whole,
over all tasks. Sides are chosen greedily, largest group first, so that each task, each class of its answers and
its verified rows are spread as the fractions say (the idea of K. Sechidis, G. Tsoumakas and I. Vlahavas, "On the
Stratification of Multi-Label Data", 2011). The order and all ties come from a hash of the seed and the group's
content: the position of a row, or the name of its trajectory, changes nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

Side = Literal["train", "validation", "test"]
SIDES: tuple[Side, ...] = ("train", "validation", "test")

MIN_VERIFIED_ROWS = 30
"""Fewer verified rows than this cannot show that a prompt is better; the report says so."""

CAPS: Mapping[Side, int] = {"validation": 100, "test": 300}
"""Most verified (and most unverified) rows of a task on a side; what is over goes to train."""

_FRACTIONS: Mapping[Side, float] = {"train": 0.40, "validation": 0.25, "test": 0.35}
_LARGE_FRACTIONS: Mapping[Side, float] = {"train": 0.40, "validation": 0.20, "test": 0.40}
_LARGE = 200

_Stratum = tuple[str, bool] | tuple[str, bool, str | None]


@dataclass(frozen=True, slots=True)
class SplitRow:
    """What splitting needs to know of a row; `content` is a hash of its request and answer."""

    task: str
    label: str | None
    verified: bool
    content: bytes

    @property
    def strata(self) -> tuple[_Stratum, _Stratum]:
        """What is counted when this row falls on a side."""
        return (self.task, self.verified), (self.task, self.verified, self.label)


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that must stay together. `id` is made of their content."""

    id: str
    rows: Sequence[SplitRow]

    @classmethod
    def of(cls, rows: Sequence[SplitRow]) -> Group:
        """The group of `rows`, which must not be empty."""
        contents = sorted(row.task.encode() + b"\0" + row.content for row in rows)
        return cls("group-" + sha256(b"\0".join(contents)).hexdigest()[:16], rows)


def assign(
    groups: Iterable[Group],
    seed: int,
    wanted: Mapping[Side, float] | None = None,
    caps: Mapping[Side, int] = CAPS,
) -> dict[str, Side]:
    """The side of each group by its id; a function of the seed and the contents alone.

    `wanted` are the fractions of the sides; without them those of `task_fractions`.
    """
    ordered = sorted(groups, key=lambda group: (-len(group.rows), _rank(seed, group.id), group.id))
    sizes = Counter(stratum for group in ordered for row in group.rows for stratum in row.strata)
    fractions: Mapping[str, Mapping[Side, float]] = task_fractions(group.rows for group in ordered)
    if wanted is not None:
        fractions = dict.fromkeys(fractions, wanted)
    placed: dict[Side, Counter[_Stratum]] = {side: Counter() for side in SIDES}
    sides: dict[str, Side] = {}
    for group in ordered:
        added = Counter(stratum for row in group.rows for stratum in row.strata)
        tie = _rank(seed, group.id)
        costs = {
            side: _cost(side, added, placed[side], sizes, fractions)
            for side in SIDES
            if _has_room(caps.get(side), added, placed[side])
        }
        sides[group.id] = min(costs, key=lambda side: (costs[side], _rank_of_side(tie, side)))
        placed[sides[group.id]].update(added)
    return sides


def task_fractions(rows_of_groups: Iterable[Sequence[SplitRow]]) -> dict[str, Mapping[Side, float]]:
    """Fractions of each task: 40/25/35, above 200 verified rows 40/20/40 (train, validation, test)."""
    verified: Counter[str] = Counter()
    for rows in rows_of_groups:
        for row in rows:
            verified[row.task] += row.verified
    return {task: _LARGE_FRACTIONS if count > _LARGE else _FRACTIONS for task, count in verified.items()}


def split_report(groups: Sequence[Group], sides: Mapping[str, Side], seed: int) -> dict[str, Any]:
    """The split as the dataset's report shows it: counts per task and side, hashes of the sides, warnings."""
    counts: defaultdict[str, dict[str, dict[str, int]]] = defaultdict(
        lambda: {side: {"rows": 0, "verified": 0} for side in SIDES}
    )
    contents: dict[str, list[bytes]] = {side: [] for side in SIDES}
    for group in groups:
        side = sides[group.id]
        for row in group.rows:
            counts[row.task][side]["rows"] += 1
            counts[row.task][side]["verified"] += row.verified
            contents[side].append(row.task.encode() + b"\0" + row.content)
    return {
        "method": "groups by trajectory and near-duplicates, stratified by task, label and verification",
        "seed": seed,
        "groups": len(groups),
        "largestGroupRows": max((len(group.rows) for group in groups), default=0),
        "fractions": task_fractions(group.rows for group in groups),
        "counts": dict(sorted(counts.items())),
        "hashes": {side: sha256(b"\0".join(sorted(rows))).hexdigest() for side, rows in contents.items()},
        "warnings": _warnings(groups, counts),
    }


def _warnings(groups: Sequence[Group], counts: Mapping[str, Mapping[str, Mapping[str, int]]]) -> list[str]:
    warnings = []
    for task, by_side in sorted(counts.items()):
        verified = sum(side["verified"] for side in by_side.values())
        if verified < MIN_VERIFIED_ROWS:
            warnings.append(
                f"{task}: {verified} verified rows; with fewer than {MIN_VERIFIED_ROWS} no comparison on the "
                "test side can show an improvement"
            )
    total = sum(len(group.rows) for group in groups)
    largest = max((len(group.rows) for group in groups), default=0)
    if len(groups) > 1 and largest > total / 2:
        warnings.append(
            f"{largest} of {total} rows hang together by near-duplicate requests and had to stay on one side"
        )
    return warnings


def _cost(
    side: Side,
    added: Counter[_Stratum],
    placed: Counter[_Stratum],
    sizes: Counter[_Stratum],
    fractions: Mapping[str, Mapping[Side, float]],
) -> float:
    """Growth of the squared distance from the wanted counts, each stratum weighing the same."""
    cost = 0.0
    for stratum, count in added.items():
        wanted = fractions[stratum[0]][side] * sizes[stratum]
        cost += count * (count + 2 * (placed[stratum] - wanted)) / sizes[stratum]
    return cost


def _has_room(cap: int | None, added: Counter[_Stratum], placed: Counter[_Stratum]) -> bool:
    return cap is None or all(
        placed[stratum] + count <= cap for stratum, count in added.items() if len(stratum) == 2
    )


def _rank(seed: int, group_id: str) -> bytes:
    return sha256(f"{seed}:{group_id}".encode()).digest()


def _rank_of_side(tie: bytes, side: Side) -> bytes:
    return sha256(tie + side.encode()).digest()
