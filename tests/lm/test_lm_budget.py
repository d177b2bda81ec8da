"""Budgets: exact under any interleaving, waiting for what may still fit, refusing what never will."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Coroutine

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whetstone.lm.budget import Budget, Reservation
from whetstone.lm.errors import BudgetExhausted

_CENT = 0.01


def waiting(ask: Coroutine[None, None, Reservation]) -> asyncio.Task[Reservation]:
    return asyncio.create_task(ask)


@settings(deadline=None, max_examples=60)
@given(
    limits=st.tuples(*[st.none() | st.integers(0, 60)] * 3),
    calls=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 8)), max_size=25),
    seed=st.integers(0, 2**16),
)
def test_limits_hold_at_every_moment_and_nothing_is_refused_in_vain(
    limits: tuple[int | None, int | None, int | None], calls: list[tuple[int, int, int]], seed: int
) -> None:
    async def run() -> None:
        max_calls, max_tokens, cents = limits
        max_cost = None if cents is None else cents * _CENT
        budget = Budget(max_calls, max_tokens, None, max_cost)
        rng = random.Random(seed)

        def within() -> None:
            spent = budget.spent()
            assert max_calls is None or spent["calls"] <= max_calls
            assert max_tokens is None or spent["tokens"] <= max_tokens
            assert max_cost is None or spent["cost"] <= max_cost

        async def call(tokens: int, cents: int, ticks: int) -> tuple[int, int, int]:
            used, paid = rng.randint(0, tokens), rng.randint(0, cents)
            answered = rng.random() < 0.8
            async with await budget.reserve(tokens=tokens, cost=cents * _CENT) as reservation:
                for _ in range(ticks):
                    await asyncio.sleep(0)
                if answered:
                    reservation.settle(used, paid * _CENT)
            within()
            return (1, used, paid) if answered else (0, 0, 0)

        results = await asyncio.wait_for(
            asyncio.gather(*(call(*each) for each in calls), return_exceptions=True), timeout=10
        )
        done = [result for result in results if isinstance(result, tuple)]
        spent = budget.spent()
        assert spent["calls"] == sum(each[0] for each in done)
        assert spent["tokens"] == sum(each[1] for each in done)
        assert spent["cost"] == pytest.approx(sum(each[2] for each in done) * _CENT)
        within()
        for (tokens, price, _), result in zip(calls, results, strict=True):
            if not isinstance(result, tuple):
                assert isinstance(result, BudgetExhausted)
                with pytest.raises(BudgetExhausted):  # spending only grows: refused once, refused for good
                    await budget.reserve(tokens=tokens, cost=price * _CENT)

    asyncio.run(run())


async def test_what_may_still_fit_waits_for_what_is_in_flight() -> None:
    budget = Budget(max_tokens=100)
    first = await budget.reserve(tokens=80)
    second = waiting(budget.reserve(tokens=60))
    await asyncio.sleep(0.01)
    assert not second.done()
    first.settle(40)
    assert budget.remaining()["tokens"] == 0
    (await second).settle(60)
    assert budget.spent()["tokens"] == 100


async def test_what_can_no_longer_fit_is_refused_while_it_waits() -> None:
    budget = Budget(max_tokens=100)
    first = await budget.reserve(tokens=80)
    second = waiting(budget.reserve(tokens=60))
    third = waiting(budget.reserve(tokens=10))
    await asyncio.sleep(0)
    first.settle(50)
    with pytest.raises(BudgetExhausted, match="50 are spent and the call may take 60") as caught:
        await second
    assert caught.value.limit == "tokens"
    (await third).settle(10)


async def test_waiting_is_first_come_first_served() -> None:
    budget = Budget(max_tokens=100)
    first = await budget.reserve(tokens=90)
    big = waiting(budget.reserve(tokens=50))
    small = waiting(budget.reserve(tokens=5))  # would fit now, but came later
    await asyncio.sleep(0.01)
    assert not big.done()
    assert not small.done()
    first.release()
    await asyncio.gather(big, small)


async def test_who_stops_waiting_lets_the_next_one_in() -> None:
    budget = Budget(max_calls=10, max_tokens=100)
    first = await budget.reserve(tokens=90)
    big = waiting(budget.reserve(tokens=50))
    small = waiting(budget.reserve(tokens=5))
    await asyncio.sleep(0)
    big.cancel()
    (await small).release()
    with pytest.raises(asyncio.CancelledError):
        await big
    first.release()
    assert budget.remaining()["tokens"] == 100
    assert budget.remaining()["calls"] == 10


async def test_a_cancel_at_the_moment_of_its_turn_loses_no_room() -> None:
    budget = Budget(max_calls=1)
    first = await budget.reserve()
    second = waiting(budget.reserve())
    await asyncio.sleep(0)
    first.release()
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    assert budget.remaining()["calls"] == 1


@pytest.mark.parametrize(
    ("budget", "limit"),
    [
        (Budget(max_calls=0), "calls"),
        (Budget(max_tokens=9), "tokens"),
        (Budget(max_cost=0.09), "cost"),
        (Budget(max_seconds=0), "seconds"),
    ],
)
async def test_the_refusal_names_its_limit(budget: Budget, limit: str) -> None:
    with pytest.raises(BudgetExhausted) as caught:
        await budget.reserve(tokens=10, cost=0.1)
    assert caught.value.limit == limit
    assert budget.spent()["calls"] == 0


async def test_money_adds_up_to_the_last_cent() -> None:
    budget = Budget(max_cost=0.3)
    for _ in range(3):
        async with await budget.reserve(cost=0.1) as reservation:
            reservation.settle(0, 0.1)
    assert budget.spent()["cost"] == 0.3
    with pytest.raises(BudgetExhausted):
        await budget.reserve(cost=1e-9)


async def test_several_calls_in_one_reservation() -> None:
    budget = Budget(max_calls=5)
    reservation = await budget.reserve(calls=4)
    reservation.settle(0, calls=2)
    assert budget.spent()["calls"] == 2
    with pytest.raises(BudgetExhausted):
        await budget.reserve(calls=4)
    await budget.reserve(calls=0)


async def test_closing_a_reservation_twice_counts_once() -> None:
    budget = Budget(max_calls=5)
    async with await budget.reserve(tokens=10) as reservation:
        reservation.settle(7)
        reservation.settle(7)
    reservation.release()
    assert budget.spent()["calls"] == 1
    assert budget.spent()["tokens"] == 7
    assert budget.remaining()["calls"] == 4


async def test_seconds_run_out_also_for_those_who_wait() -> None:
    budget = Budget(max_calls=1, max_seconds=0.1)
    held = await budget.reserve()
    started = time.monotonic()
    with pytest.raises(BudgetExhausted, match="time budget") as caught:
        await budget.reserve()
    assert caught.value.limit == "seconds"
    assert 0.05 < time.monotonic() - started < 10
    held.settle(1)
    assert budget.remaining()["seconds"] == 0


async def test_an_interrupted_run_goes_on_with_its_account() -> None:
    first = Budget(max_calls=3, max_seconds=100, max_cost=1)
    (await first.reserve(tokens=4, cost=0.2)).settle(4, 0.15)
    resumed = Budget(max_calls=3, max_seconds=100, max_cost=1, spent={**first.spent(), "seconds": 99.0})
    assert resumed.remaining()["calls"] == 2
    assert resumed.remaining()["cost"] == pytest.approx(0.85)
    assert resumed.spent()["tokens"] == 4
    left = resumed.remaining()["seconds"]
    assert left is not None
    assert 0 < left <= 1
