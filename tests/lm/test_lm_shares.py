"""The arithmetic of one width for many: fair, whole, never too much, quick to shrink and slow to grow."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from whetstone.lm.shares import Lease, Report, Table, fair_shares, negotiate

_WANTS = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 20), min_size=1)


@given(width=st.integers(1, 40), wanted=_WANTS, turn=st.integers(0, 9))
def test_shares_are_max_min_fair(width: int, wanted: dict[str, int], turn: int) -> None:
    shares = fair_shares(width, wanted, turn=turn)
    assert all(0 <= shares[name] <= wanted[name] for name in wanted)
    assert sum(shares.values()) == min(width, sum(wanted.values())), "nothing is left unused"
    for name in wanted:
        if (
            shares[name] < wanted[name]
        ):  # who gets less than it wants: nobody else gets more than one above it
            assert all(shares[other] <= shares[name] + 1 for other in wanted)


@given(width=st.integers(1, 5), count=st.integers(1, 6))
def test_all_have_their_turn_when_there_are_more_than_calls(width: int, count: int) -> None:
    wanted = dict.fromkeys("abcdef"[:count], 9)
    turns = [fair_shares(width, wanted, turn=turn) for turn in range(count)]
    assert all(sum(shares[name] for shares in turns) == sum(turns[0].values()) for name in wanted)


_STEP = st.tuples(st.sampled_from("abcd"), st.integers(0, 12), st.integers(0, 12), st.booleans())


@given(cap=st.integers(1, 10), steps=st.lists(_STEP, max_size=60))
def test_what_is_held_never_exceeds_the_width(cap: int, steps: list[tuple[str, int, int, bool]]) -> None:
    table = Table()
    in_flight = dict.fromkeys("abcd", 0)
    limits = dict.fromkeys("abcd", 0)
    for now, (name, wanted, started, ends) in enumerate(steps):
        if ends:
            in_flight[name] = max(0, in_flight[name] - started)
        else:
            in_flight[name] = max(in_flight[name], min(limits[name], started))
        report = Report(cap, min(cap, max(wanted, in_flight[name])), in_flight[name])
        limits[name] = negotiate(table, name, report, float(now)).limit
        assert sum(lease.held for lease in table.leases.values()) <= cap
        assert sum(in_flight.values()) <= cap


@given(wanted=_WANTS, cap=st.integers(1, 30))
def test_reports_lead_to_the_fair_shares(wanted: dict[str, int], cap: int) -> None:
    table = Table()
    limits: dict[str, int] = {}
    for _ in range(3):
        limits = {name: negotiate(table, name, Report(cap, wanted[name], 0), 1.0).limit for name in wanted}
    assert limits == fair_shares(cap, wanted)


def test_a_burst_of_refusals_halves_once_in_a_round_trip() -> None:
    table = Table()
    first = negotiate(table, "a", Report(16, 16, 16, refused=1, refused_at=9.0), 10.0)
    assert (first.limit, first.adapted) == (15, True)
    negotiate(table, "a", Report(16, 16, 15, refused=3, refused_at=9.1), 10.1)  # in flight before the first
    assert table.width == 12
    late = negotiate(table, "b", Report(16, 16, 0, refused=9, refused_at=9.9), 10.5)
    assert table.width == 8
    assert late.limit == 0, "the other one still has 15 in flight"
    negotiate(table, "a", Report(16, 16, 8, refused=9, refused_at=10.1), 11.0)
    assert table.width == 4
    for now in range(12, 20):
        negotiate(table, "a", Report(16, 16, 1, refused=1, refused_at=float(now)), now + 0.5)
    assert table.width == 1


def test_the_width_grows_by_one_for_as_many_answers_up_to_the_configured_one() -> None:
    table = Table(width=4.0)
    assert negotiate(table, "a", Report(6, 6, 4, answered=3), 2.0).limit == 4
    assert negotiate(table, "a", Report(6, 6, 4, answered=1), 2.0).limit == 4  # 4.75 + 1/4.75
    assert negotiate(table, "a", Report(6, 6, 4, answered=1), 2.0).limit == 5
    assert negotiate(table, "a", Report(6, 6, 5, answered=9), 2.0).adapted is False
    assert table.width is None


def test_what_was_refused_again_and_again_is_tried_ever_more_rarely() -> None:
    table = Table(width=4.0)
    needed = []
    for now in range(1, 8):
        answers = 0
        while table.width is None or table.width < 5:
            answers += 1
            negotiate(table, "a", Report(16, 16, 4, answered=1), now)
        needed.append(answers)
        negotiate(table, "a", Report(16, 16, 4, refused=1, refused_at=now + 0.1), now + 0.5)
        assert table.width == 4
    assert needed == sorted(needed)
    assert needed[-1] > 100
    negotiate(table, "a", Report(16, 16, 4, refused=1, refused_at=20.0), 20.5)
    assert (table.width, table.patience) == (3, 1), "refused at another width: that one was no limit"


def test_where_configurations_differ_the_smallest_counts_while_it_wants_something() -> None:
    table = Table(leases={"b": Lease(wanted=2, held=1, cap=4)})
    assert negotiate(table, "a", Report(16, 16, 0), 1.0).limit == 2
    table.leases["b"] = Lease(wanted=0, held=0, cap=4)
    assert negotiate(table, "a", Report(16, 16, 2), 1.0).limit == 16


def test_a_pause_is_for_all() -> None:
    table = Table()
    negotiate(table, "a", Report(4, 1, 1, paused_until=50.0), 10.0)
    assert negotiate(table, "b", Report(4, 1, 0), 11.0).paused_until == 50.0
