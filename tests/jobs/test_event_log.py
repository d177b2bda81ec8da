"""The event log: nothing lost, nothing twice, whatever the subscriber's pace."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whetstone.db import Database
from whetstone.jobs.event import EventDraft, draft, parse_event_id
from whetstone.jobs.events import RING_CAPACITY, EventLog, Subscription


async def _take(subscription: Subscription, count: int) -> list[int]:
    return [(await anext(subscription)).sequence for _ in range(count)]


async def _append(log: EventLog, count: int, job_id: str | None = None) -> list[int]:
    drafts = [draft("job_log", f"line {number}", job_id=job_id) for number in range(count)]
    async with log.transaction() as connection:
        return [event.sequence for event in await log.append(drafts, connection)]


async def test_envelope_has_the_keys_of_the_contract(database: Database) -> None:
    log = EventLog(database)
    event = await log.publish(
        draft("job_progress", "training 45%", job_id="job-1", progress=0.45, phase="training", loss=0.5)
    )
    [stored] = await log.recent(10)
    assert stored == event
    assert stored.envelope() == {
        "type": "training_event",
        "version": 1,
        "eventId": f"evt-{event.sequence}",
        "bufferSeq": event.sequence,
        "ts": event.ts,
        "payload": {
            "kind": "job_progress",
            "ts": event.ts,
            "message": "training 45%",
            "jobId": "job-1",
            "progress": 0.45,
            "phase": "training",
            "loss": 0.5,
        },
    }


async def test_twenty_subscribers_get_two_thousand_events_in_order(database: Database) -> None:
    log = EventLog(database)
    total = 2000

    async def follow(index: int) -> list[int]:
        subscription = log.subscribe(0)
        seen: list[int] = []
        while len(seen) < total:
            seen.append((await anext(subscription)).sequence)
            if index % 4 == 0 and len(seen) % 100 == 0:
                await asyncio.sleep(0.005)  # a slow one falls behind
        return seen

    async def publish() -> list[int]:
        # Several writers at once, in lots of uneven size, as jobs and datasets do.
        return [sequence for size in [1, 39] * 12 + [20] for sequence in await _append(log, size)]

    followers = [asyncio.create_task(follow(index)) for index in range(20)]
    lots = await asyncio.gather(*(publish() for _ in range(4)))
    written = sorted(sequence for lot in lots for sequence in lot)
    assert len(written) == total == len(set(written))
    for seen in await asyncio.gather(*followers):
        assert seen == written


async def test_replay_and_live_meet_without_gap_or_repetition(database: Database) -> None:
    log = EventLog(database)
    before = await _append(log, RING_CAPACITY + 700)  # the oldest are no longer in memory
    subscription = log.subscribe(before[99])
    replayed = await _take(subscription, 1000)
    later = await _append(log, 50)
    assert replayed + await _take(subscription, len(before) - 1100 + 50) == before[100:] + later


async def test_new_log_on_the_same_database_replays_the_old_events(database: Database) -> None:
    written = await _append(EventLog(database), 10)
    log = EventLog(database)
    assert await log.latest_sequence() == written[-1]
    assert [event.sequence for event in await log.recent(3)] == written[-3:]
    assert await _take(log.subscribe(0), 10) == written


async def test_two_logs_on_one_database_see_each_other_when_rung(database: Database) -> None:
    here, there = EventLog(database), EventLog(database)
    subscription = here.subscribe(0)
    mine = await _append(here, 3)
    assert await _take(subscription, 3) == mine
    theirs = await _append(there, 3)
    here.notify()
    assert await _take(subscription, 3) == theirs


async def test_subscription_to_one_job_skips_the_others(database: Database) -> None:
    log = EventLog(database)
    subscription = log.subscribe(0, job_id="job-b")
    await _append(log, 40, "job-a")
    wanted = await _append(log, 2, "job-b")
    await _append(log, RING_CAPACITY + 10, "job-a")
    assert await _take(subscription, 2) == wanted
    waiting = asyncio.create_task(_take(subscription, 1))
    await _append(log, 5, "job-a")
    wanted = await _append(log, 1, "job-b")
    assert await asyncio.wait_for(waiting, 5) == wanted


async def test_waiting_may_be_given_up_and_taken_up_again(database: Database) -> None:
    log = EventLog(database)
    subscription = log.subscribe(0)
    for _ in range(5):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(subscription), 0.02)
    written = await _append(log, 3)
    assert await _take(subscription, 3) == written


async def test_without_a_position_only_new_events_come(database: Database) -> None:
    log = EventLog(database)
    await _append(log, 5)
    subscription = log.subscribe()
    waiting = asyncio.create_task(_take(subscription, 2))
    await asyncio.sleep(0.05)
    assert await _append(log, 2) == await waiting


async def test_position_beyond_the_end_means_now(database: Database) -> None:
    log = EventLog(database)
    await _append(log, 5)
    waiting = asyncio.create_task(_take(log.subscribe(10**9), 1))
    await asyncio.sleep(0.05)
    assert await _append(log, 1) == await waiting


async def test_rolled_back_events_are_never_seen(database: Database) -> None:
    log = EventLog(database)
    subscription = log.subscribe(0)
    first = await _append(log, 1)
    with pytest.raises(RuntimeError, match="no"):
        async with log.transaction() as connection:
            await log.append([draft("job_log", "lost")], connection)
            raise RuntimeError("no")
    last = await _append(log, 1)
    assert await _take(subscription, 2) == first + last


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e15, 1e15) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(message=st.text(st.characters(exclude_categories=[])), extra=json_values)
async def test_any_text_and_json_can_be_published(database: Database, message: str, extra: Any) -> None:
    log = EventLog(database)
    event = await log.publish(draft("job_log", message, extra=extra))
    [stored] = await EventLog(database).recent(1)
    assert stored.payload == event.payload
    assert len(stored.message) <= 4000


def test_extra_keys_do_not_replace_those_of_the_contract() -> None:
    line: EventDraft = draft("job_log", "m", ts=5, job_id="job-1", jobId="other", loss=1)
    assert line.payload == {"kind": "job_log", "ts": 5, "message": "m", "jobId": "job-1", "loss": 1}


@pytest.mark.parametrize(
    ("text", "sequence"),
    [("evt-41", 41), ("41", 41), (" evt-7 ", 7), ("", None), (None, None), ("evt-", None), ("evt--1", None),
     ("evt-1e3", None), ("٣", None), ("evt-99999999999999999999", None)],
)  # fmt: skip
def test_event_ids_are_read_leniently(text: str | None, sequence: int | None) -> None:
    assert parse_event_id(text) == sequence
