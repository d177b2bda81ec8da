"""The table of transitions, and that the database obeys it whatever is tried."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from whetstone.db import Database
from whetstone.errors import ConflictError, InvalidInputError
from whetstone.jobs import store
from whetstone.jobs.states import FINISHED, VALID_TRANSITIONS, JobStatus, parse_status, sources_of
from whetstone.jobs.tables import jobs


def test_every_state_is_in_the_table_and_reachable_and_can_end() -> None:
    assert set(VALID_TRANSITIONS) == set(JobStatus)
    for status in JobStatus:
        reached, frontier = {status}, [status]
        while frontier:
            for following in VALID_TRANSITIONS[frontier.pop()] - reached:
                reached.add(following)
                frontier.append(following)
        assert reached & FINISHED
        assert status is JobStatus.PENDING or sources_of(status)


def test_nothing_leaves_a_finished_state() -> None:
    assert {JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED} == FINISHED
    assert not any(VALID_TRANSITIONS[status] for status in FINISHED)


@pytest.mark.parametrize(
    ("word", "status"),
    [("queued", JobStatus.PENDING), ("pending", JobStatus.PENDING), (" Running ", JobStatus.RUNNING)],
)
def test_status_words_of_both_dialects_are_understood(word: str, status: JobStatus) -> None:
    assert parse_status(word) is status


def test_unknown_status_word_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="status must be one of pending, running"):
        parse_status("sleeping")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(attempts=st.lists(st.sampled_from(JobStatus), max_size=8))
async def test_stored_status_only_follows_the_table(database: Database, attempts: list[JobStatus]) -> None:
    async with database.write() as connection:
        await connection.execute(jobs.delete())
        await store.insert_job(
            connection, {"id": "job-1", "backend": "native", "dataset_id": None, "options": {}}
        )
    expected = JobStatus.PENDING
    for target in attempts:
        allowed = target in VALID_TRANSITIONS[expected]
        try:
            async with database.write() as connection:
                await store.transition(connection, "job-1", target)
            assert allowed
            expected = target
        except ConflictError:
            assert not allowed
    async with database.read() as connection:
        row = (await connection.execute(select(jobs))).mappings().one()
    assert row["status"] == expected
    assert (row["completed_at"] is not None) == (expected in FINISHED)


async def test_only_one_reader_carries_a_worker_s_events_on(database: Database) -> None:
    async with database.write() as connection:
        await store.insert_job(
            connection, {"id": "job-1", "backend": "native", "dataset_id": None, "options": {}}
        )
        await connection.execute(update(jobs).values(events_offset=10))
    async with database.write() as connection:
        await store.advance(connection, "job-1", 10, 20)
    with pytest.raises(store.EventsTakenError):
        async with database.write() as connection:
            await store.advance(connection, "job-1", 10, 30)
