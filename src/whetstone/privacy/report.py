"""What the filter did, in numbers. Never holds the text that was removed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from whetstone.privacy.filtered import Dropped
from whetstone.privacy.structure.document import FieldCounts

FILTER_VERSION: Final = "1"
"""Goes up with every change of what is detected or how it is replaced."""

_ANONYMIZED: Final = "handle"
_MAX_NAMED_DROPS: Final = 1000  # the report is kept in a database row and shown in lists


@dataclass(slots=True)
class PrivacyReport:
    """Counters of one or more runs of the filter."""

    config_hash: str
    filter_version: str = FILTER_VERSION
    trajectories: int = 0
    """Trajectories that came in, dropped ones included."""
    counts: FieldCounts = field(default_factory=Counter)
    """Replacements by field and kind, in trajectories that were kept."""
    dropped: list[Dropped] = field(default_factory=list)
    """The first trajectories that were withheld; `dropped_by_reason` counts them all."""
    dropped_by_reason: Counter[str] = field(default_factory=Counter)

    @property
    def redaction_count(self) -> int:
        """Replacements by a label."""
        return sum(number for (_, kind), number in self.counts.items() if kind != _ANONYMIZED)

    @property
    def anonymization_count(self) -> int:
        """Handles replaced by an entity id."""
        return sum(number for (_, kind), number in self.counts.items() if kind == _ANONYMIZED)

    def drop(self, dropped: Dropped) -> None:
        """Note that a trajectory was withheld."""
        self.dropped_by_reason[dropped.reason] += 1
        if len(self.dropped) < _MAX_NAMED_DROPS:
            self.dropped.append(dropped)

    def merge(self, other: PrivacyReport) -> None:
        """Add the counters of another run with the same filter.

        Raises ValueError if that filter was another version or configured differently.
        """
        if (other.config_hash, other.filter_version) != (self.config_hash, self.filter_version):
            raise ValueError("reports of differently configured privacy filters cannot be added")
        self.trajectories += other.trajectories
        self.counts.update(other.counts)
        self.dropped_by_reason.update(other.dropped_by_reason)
        self.dropped.extend(other.dropped[: _MAX_NAMED_DROPS - len(self.dropped)])

    def to_dict(self) -> dict[str, Any]:
        """JSON form, the most frequent kinds and fields first. Paths of fields carry no indexes."""
        by_kind: Counter[str] = Counter()
        by_field: Counter[str] = Counter()
        for (path, kind), number in self.counts.items():
            by_kind[kind] += number
            by_field[path] += number
        return {
            "filterVersion": self.filter_version,
            "configHash": self.config_hash,
            "trajectories": self.trajectories,
            "redactionCount": self.redaction_count,
            "anonymizationCount": self.anonymization_count,
            "droppedCount": self.dropped_by_reason.total(),
            "droppedByReason": dict(self.dropped_by_reason),
            "dropped": [{"trajectoryId": drop.trajectory_id, "reason": drop.reason} for drop in self.dropped],
            "byKind": dict(sorted(by_kind.items(), key=_most_first)),
            "byField": dict(sorted(by_field.items(), key=_most_first)),
        }


def _most_first(item: tuple[str, int]) -> tuple[int, str]:
    return (-item[1], item[0])
