"""Budgets: exact under interleaving and under threads, refusing before anything is spent."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whetstone.lm.budget import Budget, Reservation
from whetstone.lm.errors import BudgetExhausted

_STEP = st.tuples(
    st.sampled_from(["reserve", "settle", "release"]), st.integers(0, 50), st.integers(0, 2**16)
)


@given(max_calls=st.integers(0, 6), max_tokens=st.integers(0, 120), steps=st.lists(_STEP, max_size=60))
def test_no_order_of_events_overshoots(
    max_calls: int, max_tokens: int, steps: list[tuple[str, int, int]]
) -> None:
    budget = Budget(max_calls, max_tokens)
    held: list[tuple[Reservation, int]] = []
    calls = tokens = 0
    for action, amount, choice in steps:
        if action == "reserve":
            in_flight = sum(reserved for _, reserved in held)
            fits = calls + len(held) < max_calls and tokens + in_flight + amount <= max_tokens
            if fits:
                held.append((budget.reserve(amount), amount))
            else:
                with pytest.raises(BudgetExhausted):
                    budget.reserve(amount)
        elif held:
            reservation, reserved = held.pop(choice % len(held))
            if action == "settle":
                reservation.settle(reserved)
                calls, tokens = calls + 1, tokens + reserved
            else:
                reservation.release()
        spent = budget.spent()
        assert (spent["calls"], spent["tokens"]) == (calls, tokens)
        assert calls + len(held) <= max_calls
    remaining = budget.remaining()
    assert remaining["calls"] == max_calls - calls - len(held)
    assert remaining["tokens"] == max_tokens - tokens - sum(reserved for _, reserved in held)


def test_threads_share_the_limit_exactly() -> None:
    budget = Budget(max_calls=200)
    taken: list[int] = []

    def work() -> None:
        while True:
            try:
                with budget.reserve(1) as reservation:
                    time.sleep(0)
                    reservation.settle(1)
            except BudgetExhausted:
                return
            taken.append(1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 200
    assert budget.spent()["calls"] == 200
    assert budget.remaining() == {"calls": 0, "tokens": None, "seconds": None}


def test_closing_a_reservation_twice_counts_once() -> None:
    budget = Budget(max_calls=5)
    with budget.reserve(10) as reservation:
        reservation.settle(7)
        reservation.settle(7)
    reservation.release()
    assert budget.spent()["calls"] == 1
    assert budget.spent()["tokens"] == 7
    assert budget.remaining()["calls"] == 4


def test_seconds_run_out() -> None:
    budget = Budget(max_seconds=0.05)
    budget.reserve(1).release()
    time.sleep(0.06)
    with pytest.raises(BudgetExhausted, match="time budget"):
        budget.reserve(1)
    assert budget.remaining()["seconds"] == 0


def test_an_interrupted_run_goes_on_with_its_account() -> None:
    first = Budget(max_calls=3, max_seconds=100)
    first.reserve(4).settle(4)
    resumed = Budget(max_calls=3, max_seconds=100, spent={**first.spent(), "seconds": 99.0})
    assert resumed.remaining()["calls"] == 2
    assert resumed.spent()["tokens"] == 4
    left = resumed.remaining()["seconds"]
    assert left is not None
    assert 0 < left <= 1
