"""What the filter did, in numbers. Never holds the text that was removed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from whetstone.privacy.detectors.spans import Tier
from whetstone.privacy.filtered import Dropped
from whetstone.privacy.policy import AppliedPolicy

FILTER_VERSION: Final = "2"
"""Goes up with every change of what is detected or how it is replaced."""

_ANONYMIZED: Final = "handle"
_MAX_NAMED_DROPS: Final = 1000  # the report is kept in a database row and shown in lists

Counts = Counter[tuple[str, str, str]]
"""Replacements by field path, kind and tier."""


@dataclass(slots=True)
class PrivacyReport:
    """Counters of one or more runs of the filter, and what that filter was."""

    config_hash: str
    filter_version: str = FILTER_VERSION
    models: tuple[dict[str, str], ...] = ()
    """The names models that took part: name, version, sha256, licence."""
    disabled: tuple[str, ...] = ()
    """Kinds that the operator switched off."""
    trajectories: int = 0
    """Trajectories that came in, dropped ones included."""
    counts: Counts = field(default_factory=Counter)
    """Replacements in trajectories that were kept."""
    policies: Counter[AppliedPolicy] = field(default_factory=Counter)
    """Trajectories by the policy that was applied and the reason for it."""
    dropped: list[Dropped] = field(default_factory=list)
    """The first trajectories that were withheld; `dropped_by_reason` counts them all."""
    dropped_by_reason: Counter[str] = field(default_factory=Counter)

    @property
    def redaction_count(self) -> int:
        """Replacements by a label."""
        return sum(number for (_, kind, _), number in self.counts.items() if kind != _ANONYMIZED)

    @property
    def anonymization_count(self) -> int:
        """Handles replaced by an entity id."""
        return sum(number for (_, kind, _), number in self.counts.items() if kind == _ANONYMIZED)

    def count(self, path: str, kind: str, tier: str = Tier.RULES, number: int = 1) -> None:
        """Book replacements in the field `path` (a path without indexes)."""
        self.counts[path, kind, str(tier)] += number

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
        self.policies.update(other.policies)
        self.dropped_by_reason.update(other.dropped_by_reason)
        self.dropped.extend(other.dropped[: _MAX_NAMED_DROPS - len(self.dropped)])

    def by_kind(self) -> dict[str, int]:
        """Replacements by kind, the most frequent first."""
        return self._totals(1)

    def by_field(self) -> dict[str, int]:
        """Replacements by field, the most frequent first. Paths of fields carry no indexes."""
        return self._totals(0)

    def by_tier(self) -> dict[str, int]:
        """Replacements by tier, the most frequent first."""
        return self._totals(2)

    def applied_policies(self) -> list[dict[str, Any]]:
        """Trajectories by policy and reason, as JSON, the most frequent first."""
        return [
            {"policy": applied.policy.value, "reason": applied.reason, "trajectories": number}
            for applied, number in sorted(
                self.policies.items(), key=lambda item: (-item[1], item[0].policy, item[0].reason or "")
            )
        ]

    def to_dict(self) -> dict[str, Any]:
        """JSON form, the most frequent first."""
        return {
            "filterVersion": self.filter_version,
            "configHash": self.config_hash,
            "models": list(self.models),
            "disabledDetectors": list(self.disabled),
            "policies": self.applied_policies(),
            "trajectories": self.trajectories,
            "redactionCount": self.redaction_count,
            "anonymizationCount": self.anonymization_count,
            "droppedCount": self.dropped_by_reason.total(),
            "droppedByReason": dict(self.dropped_by_reason),
            "dropped": [{"trajectoryId": drop.trajectory_id, "reason": drop.reason} for drop in self.dropped],
            "byKind": self.by_kind(),
            "byField": self.by_field(),
            "byTier": self.by_tier(),
            "detected": self._detected(),
        }

    def _totals(self, part: int) -> dict[str, int]:
        totals: Counter[str] = Counter()
        for key, number in self.counts.items():
            totals[key[part]] += number
        return dict(sorted(totals.items(), key=lambda item: (-item[1], item[0])))

    def _detected(self) -> list[dict[str, Any]]:
        """One row for each detector that found something."""
        rows: Counter[tuple[str, str]] = Counter()
        for (_, kind, tier), number in self.counts.items():
            rows[tier, kind] += number
        return [
            {"tier": tier, "kind": kind, "count": number} for (tier, kind), number in sorted(rows.items())
        ]
