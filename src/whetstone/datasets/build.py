"""Building a dataset from trajectory documents, in memory that holds ids, hashes and sketches but no text.

First pass: documents come in one by one, are checked, filtered, and their rows appended to a spool on disk. Then
duplicates are dropped, near-duplicates joined, sides assigned. Second pass: the rows go from the spool into the
files of the dataset. Everything here is synchronous and meant for a thread.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from whetstone.datasets import quality
from whetstone.datasets.candidates import Candidate, draw_rows, without_duplicates
from whetstone.datasets.evidence import Lines, refuse_residuals, scan_document, scan_lines
from whetstone.datasets.gold import GoldCount
from whetstone.datasets.grouping import joined_trajectories
from whetstone.datasets.near_duplicates import UnionFind
from whetstone.datasets.options import BuildOptions
from whetstone.datasets.preferences import PreferenceCount
from whetstone.datasets.rows import request_text
from whetstone.datasets.split import Group, assign, split_report
from whetstone.datasets.spool import Spool
from whetstone.datasets.writer import TRAJECTORY_DIR, RowFiles, TrajectoryFiles
from whetstone.errors import UnavailableError
from whetstone.privacy.attestation import WrittenFile, attestation
from whetstone.privacy.filtered import Dropped
from whetstone.privacy.gate import Outcome, PrivacyGate
from whetstone.privacy.policy import Policy
from whetstone.privacy.residual import ResidualScan

_NOT_ACCEPTED_WARNINGS = {
    "should_respond": "whose answer is not JSON with the action RESPOND, IGNORE or STOP",
    "context_routing": "whose answer names neither a context nor the action RESPOND, IGNORE or STOP",
}
_TOGETHER = 16  # trajectories filtered in one go


@dataclass(frozen=True, slots=True)
class Built:
    """What a build found: figures of the record, its report, and the summary of contract §10.4 (no `generatedAt`)."""

    sample_count: int
    trajectory_count: int
    report: dict[str, Any]
    summary: dict[str, Any]


class DatasetBuilder:
    """One build into `folder`, which must be empty. Use as a context manager: it removes its spool.

    `abandon` may be called from another thread: `add` and `finish` then soon raise UnavailableError.
    """

    def __init__(self, folder: Path, options: BuildOptions, privacy: PrivacyGate) -> None:
        self._abandoned = False
        self._folder = folder
        self._options = options
        self._privacy = privacy
        self._spool = Spool(folder / ".rows")
        self._files = TrajectoryFiles(folder)
        self._paths: list[Path] = []
        self._calls: list[int] = []
        self._policies: list[Policy] = []
        self._candidates: list[Candidate] = []
        self._scanned = 0
        self._failed_scenario_calls = 0
        self._excluded_trajectories: Counter[str] = Counter()
        self._excluded_rows: Counter[str] = Counter()
        self._not_accepted: Counter[str] = Counter()
        self._gold = GoldCount()
        self._with_rows = 0
        self._preferences: list[Candidate] = []
        self._preference_count = PreferenceCount()

    def __enter__(self) -> Self:
        self._spool.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spool.__exit__(kind, error, trace)

    @property
    def full(self) -> bool:
        """Whether the limit of trajectories is reached."""
        return self._with_rows >= self._options.limit

    def abandon(self) -> None:
        """Say that nobody wants the dataset any more."""
        self._abandoned = True

    def add(self, documents: Iterable[dict[str, Any]]) -> None:
        """Take in trajectory documents, until the limit is reached.

        Raises UnavailableError when one is under the policy `strict` and the names models are missing.
        """
        usable = self._usable(documents)
        while not self.full:
            chosen = list(islice(usable, min(_TOGETHER, self._options.limit - self._with_rows)))
            if not chosen:
                return
            outcomes = self._privacy.trajectories(chosen, self._go_on)
            for document, outcome in zip(chosen, outcomes, strict=True):
                reason = self._take(document, outcome)
                if reason is not None:
                    self._excluded_trajectories[reason] += 1

    def finish(self) -> Built:
        """Split, write all files of rows, and report."""
        kept = without_duplicates(self._candidates)
        self._excluded_rows[quality.DUPLICATE] += len(self._candidates) - len(kept)
        preferred = without_duplicates(self._preferences)
        groups, others, group_of = self._groups(kept, preferred)
        sides = assign(groups, self._options.seed)
        # Apart, so that preferences change nothing about the sides of rows.
        all_sides = assign(others, self._options.seed) | sides
        with RowFiles(self._folder) as files:
            for candidate in kept:
                self._go_on()
                row = self._spool.read(candidate.place)
                group = group_of[candidate.trajectory]
                row["metadata"] |= {"split": sides[group], "group": group}
                files.write(row, candidate.trajectory, candidate.call)
                self._gold.add(row)
            for candidate in preferred:
                self._go_on()
                row = self._spool.read(candidate.place)
                group = group_of[candidate.trajectory]
                files.write_preference(
                    row | {"split": all_sides[group], "group": group}, candidate.trajectory
                )
                self._preference_count.add(row)
        included = self._drop_trajectories_without_rows(kept)
        attested = self._attest(files, included)
        return self._built(files, included, attested, split_report(groups, sides, self._options.seed))

    def _go_on(self) -> None:
        if self._abandoned:
            raise UnavailableError("the build was abandoned")

    def _usable(self, documents: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for document in documents:
            self._go_on()
            self._scanned += 1
            reason = quality.trajectory_exclusion(document, self._options.min_llm_calls)
            if reason is None:
                yield document
                continue
            self._excluded_trajectories[reason] += 1
            if reason == quality.FAILED_SCENARIO:
                self._failed_scenario_calls += quality.count_calls(document)

    def _take(self, document: dict[str, Any], filtered: Outcome) -> str | None:
        if isinstance(filtered, Dropped):
            return quality.PRIVATE
        drawn = filtered.map(lambda value: draw_rows(value, self._options.tasks))
        self._excluded_rows += drawn.value.excluded
        self._not_accepted += drawn.value.not_accepted
        if not drawn.value.rows and not (drawn.value.preferences and self._room_for_preferences):
            return quality.NO_ROWS
        number = len(self._paths)
        self._with_rows += bool(drawn.value.rows)
        self._paths.append(self._files.write(filtered))
        self._calls.append(quality.count_calls(document))
        self._policies.append(self._privacy.policies.of(document).policy)
        places = self._spool.append(drawn.map(lambda value: value.rows))
        rows = zip(drawn.value.rows, places, strict=True)
        self._candidates += [Candidate.of(row, place, number) for row, place in rows]
        places = self._spool.append(drawn.map(lambda value: value.preferences))
        preferences = zip(drawn.value.preferences, places, strict=True)
        self._preferences += [Candidate.of_preference(row, place, number) for row, place in preferences]
        return None

    @property
    def _room_for_preferences(self) -> bool:
        """Whether another trajectory may be taken that gives no row, for its preferences alone."""
        return len(self._paths) - self._with_rows < self._options.limit

    def _groups(
        self, kept: Sequence[Candidate], preferred: Sequence[Candidate]
    ) -> tuple[list[Group], list[Group], dict[int, str]]:
        """The groups of the kept rows, those of preferences alone, and the group of each trajectory by its number."""
        # Dropped duplicates join too: which of two is kept must not decide what hangs together.
        joined = joined_trajectories(
            [*self._candidates, *self._preferences],
            len(self._paths),
            lambda candidate: request_text(self._spool.read(candidate.place)),
            self._go_on,
        )
        groups = _grouped(kept, joined)
        others = {root: group for root, group in _grouped(preferred, joined).items() if root not in groups}
        by_root = {root: group.id for root, group in (groups | others).items()}
        roots = {candidate.trajectory: joined.find(candidate.trajectory) for candidate in (*kept, *preferred)}
        group_of = {trajectory: by_root[root] for trajectory, root in roots.items()}
        return list(groups.values()), list(others.values()), group_of

    def _drop_trajectories_without_rows(self, kept: Sequence[Candidate]) -> set[int]:
        included = {candidate.trajectory for candidate in kept}
        for number, path in enumerate(self._paths):
            if number not in included:
                path.unlink()
                self._excluded_trajectories[quality.NO_ROWS] += 1
        return included

    def _attest(self, files: RowFiles, included: set[int]) -> dict[str, Any]:
        """The attestation of all files. Raises ResidualError where `strict` is broken."""
        scan = ResidualScan(self._privacy.residuals)
        for name, owners in files.owners.items():
            policies = [self._policies[trajectory] for trajectory in owners]
            scan_lines(scan, Lines(self._folder / name, policies), self._go_on)
        for number in sorted(included):
            self._go_on()
            scan_document(scan, self._paths[number], self._policies[number])
        refuse_residuals(scan)
        written = [WrittenFile.of(self._folder / name) for name in sorted(files.owners)]
        written.append(WrittenFile.of_folder(self._folder / TRAJECTORY_DIR))
        return attestation(self._privacy, scan.to_dict(), written)

    def _built(
        self, files: RowFiles, included: set[int], attested: dict[str, Any], split: dict[str, Any]
    ) -> Built:
        counts = files.counts()
        excluded_rows = {reason: count for reason, count in sorted(self._excluded_rows.items()) if count}
        warnings = [*self._warnings(), *split["warnings"]]
        report = {
            "taskCounts": counts,
            "gold": self._gold.to_dict(),
            "preferenceCounts": self._preference_count.to_dict(),
            "split": split,
            "excluded": {
                "trajectories": dict(sorted(self._excluded_trajectories.items())),
                "rows": excluded_rows,
            },
            "scannedTrajectories": self._scanned,
            "candidateRows": sum(counts.values()) + sum(excluded_rows.values()),
            "privacy": self._privacy.report.to_dict() | {"attestation": attested},
            "contentHash": files.content_hash(),
            "warnings": warnings,
        }
        summary = {
            "trajectoryCount": len(included),
            "llmCallCount": sum(self._calls[number] for number in included),
            "skippedNonNativeRows": 0,
            "excludedFailedScenarioRows": self._failed_scenario_calls,
            "warnings": warnings,
            "counts": counts,
            "tasks": [task for task, count in counts.items() if count],
            "taskMetrics": files.task_metrics(),
        }
        return Built(files.samples, len(included), report, summary)

    def _warnings(self) -> list[str]:
        return [
            f"{task}: left out {count} rows "
            + _NOT_ACCEPTED_WARNINGS.get(task, "whose answer the task does not accept")
            for task, count in sorted(self._not_accepted.items())
        ]


def _grouped(candidates: Sequence[Candidate], joined: UnionFind) -> dict[int, Group]:
    """The group of each set of joined trajectories that has any of the candidates."""
    members: defaultdict[int, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        members[joined.find(candidate.trajectory)].append(candidate)
    return {root: Group.of([candidate.split_row() for candidate in found]) for root, found in members.items()}
