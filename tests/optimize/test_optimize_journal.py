from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whetstone.errors import ConflictError
from whetstone.optimize.engine.journal import Journal, JournalDamagedError
from whetstone.optimize.engine.randomness import derived

HEADER = {"seed": 1, "data": "abc"}


class Work:
    """Counts how often it is done."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.times = 0

    async def __call__(self) -> Any:
        self.times += 1
        return self.value


async def test_a_recorded_step_is_not_done_again(tmp_path: Path) -> None:
    path = tmp_path / "job" / "journal.jsonl"
    work = Work({"score": 1 / 3, "ids": ("a", "b")})
    async with Journal(path, HEADER) as journal:
        first = await journal.step("one", "evaluation", work)
        assert not journal.recorded("two")
    async with Journal(path, HEADER) as journal:
        again = await journal.step("one", "evaluation", work)
        assert journal.resumed
    assert first == again == {"score": 1 / 3, "ids": ["a", "b"]}
    assert work.times == 1


@pytest.mark.parametrize("torn", [b'{"seq":2,"step":"two","da', b"{", b'{"seq":2}', b"\x00\x00\x00"])
async def test_a_torn_last_line_is_dropped(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "journal.jsonl"
    async with Journal(path, HEADER) as journal:
        await journal.record("one", "note", 1)
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    async with Journal(path, HEADER) as journal:
        assert journal.recorded("one") == 1
        await journal.record("two", "note", 2)
    assert path.read_bytes().startswith(whole + b'{"seq":2,"step":"two"')
    async with Journal(path, HEADER) as journal:
        assert journal.recorded("two") == 2


async def test_damage_in_the_middle_is_reported_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    async with Journal(path, HEADER) as journal:
        await journal.record("one", "note", 1)
        await journal.record("two", "note", 2)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"garbage\n" + lines[2])
    with pytest.raises(JournalDamagedError, match="line 2"):
        await Journal(path, HEADER).__aenter__()


async def test_a_journal_of_another_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    async with Journal(path, HEADER):
        pass
    with pytest.raises(ConflictError):
        await Journal(path, {**HEADER, "seed": 2}).__aenter__()
    async with Journal(path, HEADER) as journal:
        assert not journal.resumed


async def test_time_spent_before_an_interruption_counts(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    async with Journal(path, HEADER) as journal:
        await journal.record("one", "note", 1)
    line = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(line[0] + line[1].replace(b'"elapsedSeconds":0.', b'"elapsedSeconds":90.'))
    async with Journal(path, HEADER) as journal:
        assert 90 <= journal.elapsed_seconds() < 100


@given(st.integers(), st.text(), st.text())
def test_derived_randomness_depends_on_its_three_names_only(seed: int, step: str, purpose: str) -> None:
    assert derived(seed, step, purpose).random() == derived(seed, step, purpose).random()
    assert derived(seed, step, purpose).random() != derived(seed + 1, step, purpose).random()
