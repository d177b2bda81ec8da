"""In which order waiting jobs start, where few of those that train weights may run at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable


def start_order(waiting: Iterable[tuple[str, str]], training: Collection[str], free: int) -> list[str]:
    """Ids of the waiting jobs, the next one first.

    `waiting` are ids and backends, the one that has waited longest first. Of the backends in `training` only `free`
    more jobs may run: the other ones are passed, until one of them ends.
    """
    now: list[str] = []
    later: list[str] = []
    for job_id, backend in waiting:
        if backend in training and free <= 0:
            later.append(job_id)
        else:
            free -= backend in training
            now.append(job_id)
    return now + later
