"""Joining trajectories that share near-duplicate requests, so that a split cannot leak."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence, Set
from functools import lru_cache

from whetstone.datasets.candidates import Candidate
from whetstone.datasets.near_duplicates import (
    Fingerprint,
    UnionFind,
    join_near_duplicates,
    shingles,
    template_shingles,
)

_TEMPLATE_SAMPLE = 256  # distinct requests per task from which its template is learnt
_SETS_IN_MEMORY = 64


def joined_trajectories(
    candidates: Sequence[Candidate],
    trajectories: int,
    text: Callable[[Candidate], str],
    checkpoint: Callable[[], None],
) -> UnionFind:
    """Trajectories 0 to `trajectories` - 1, united where they have equal or near-duplicate requests.

    `text` reads a candidate's request. What most requests of a task have in common is not compared. The result
    depends on the contents alone, not on the order of the candidates. `checkpoint` is called often; what it raises
    ends the work.
    """
    groups = UnionFind(trajectories)
    distinct = _distinct_requests(candidates, groups)
    templates = _templates(distinct, text)

    def own_shingles(candidate: Candidate) -> set[int]:
        checkpoint()
        return shingles(text(candidate)) - templates[candidate.task]

    @lru_cache(_SETS_IN_MEMORY)
    def shingles_of(index: int) -> Set[int]:
        return own_shingles(distinct[index])

    prints = [Fingerprint.of(own_shingles(candidate)) for candidate in distinct]
    owners = [candidate.trajectory for candidate in distinct]
    join_near_duplicates(prints, owners, shingles_of, groups, checkpoint)
    return groups


def _distinct_requests(candidates: Sequence[Candidate], groups: UnionFind) -> list[Candidate]:
    """One candidate of each distinct request (of the task that comes first by name); unites their trajectories."""
    by_request: dict[bytes, Candidate] = {}
    for candidate in candidates:
        known = by_request.setdefault(candidate.request, candidate)
        groups.union(known.trajectory, candidate.trajectory)
        if candidate.task < known.task:
            by_request[candidate.request] = candidate
    return list(by_request.values())


def _templates(distinct: Sequence[Candidate], text: Callable[[Candidate], str]) -> dict[str, set[int]]:
    by_task: defaultdict[str, list[Candidate]] = defaultdict(list)
    for candidate in distinct:
        by_task[candidate.task].append(candidate)
    templates = {}
    for task, members in by_task.items():
        # The smallest hashes are a sample that does not depend on the order.
        sample = sorted(members, key=lambda candidate: candidate.request)[:_TEMPLATE_SAMPLE]
        templates[task] = template_shingles(text(candidate) for candidate in sample)
    return templates
