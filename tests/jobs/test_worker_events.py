"""The file between worker and server: how it is written, and how it is read while it grows and tears."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whetstone.jobs.event import draft
from whetstone.jobs.reporter import MAX_EXTRA_TEXT, MAX_LOG_LINES, EventFile, EventReporter
from whetstone.jobs.tail import read_lines


def _line(**content: Any) -> bytes:
    return orjson.dumps({"kind": "job_log", "ts": 1, "message": "m", **content}) + b"\n"


def _messages(path: Path) -> list[str]:
    return [orjson.loads(line)["message"] for line in path.read_bytes().splitlines()]


@given(cuts=st.lists(st.integers(0, 400), max_size=10))
def test_growing_file_is_read_line_by_line_once(
    cuts: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "growing-events.jsonl"
    content = b"".join(_line(message=f"zeile {number} ü") for number in range(8))
    seen: list[Any] = []
    offset = 0
    for end in [*sorted(cuts), len(content)]:
        path.write_bytes(content[:end])
        reading = read_lines(path, offset)
        seen += [line["message"] for line in reading.lines]
        offset = reading.offset
    assert seen == [f"zeile {number} ü" for number in range(8)]
    assert offset == len(content)


def test_missing_file_is_an_empty_one(tmp_path: Path) -> None:
    reading = read_lines(tmp_path / "none", 0)
    assert (reading.lines, reading.offset, reading.final) == ([], 0, None)


def test_torn_and_foreign_lines_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(
        b'{"kind":"job_l\n' + _line(message="a") + b'[1]\n\xff\n{"kind":1}\n' + _line(message="b")
    )
    assert [line["message"] for line in read_lines(path, 0).lines] == ["a", "b"]


def test_final_line_is_held_apart_and_ends_the_reading(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    final = _line(kind="job_completed", message="done")
    path.write_bytes(_line() + final + _line(message="late"))
    reading = read_lines(path, 0)
    assert len(reading.lines) == 1
    assert reading.final is not None
    assert reading.final["message"] == "done"
    assert (reading.offset, reading.final_offset) == (len(_line()), len(_line() + final))


def test_file_larger_than_a_chunk_is_read_in_parts(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"".join(_line(message=f"{number}" * 100) for number in range(3000)))
    offset, count, parts = 0, 0, 0
    while True:
        reading = read_lines(path, offset)
        offset, count, parts = reading.offset, count + len(reading.lines), parts + 1
        if not reading.more:
            break
    assert count == 3000
    assert parts > 1


def test_endless_line_does_not_stop_the_reading(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"x" * 1_000_000 + b"\n" + _line(message="after"))
    offset, messages = 0, []
    while True:
        reading = read_lines(path, offset)
        messages += [line["message"] for line in reading.lines]
        offset = reading.offset
        if not reading.more:
            break
    assert messages == ["after"]


def test_writer_begins_a_new_line_after_a_torn_one(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(_line(message="whole") + b'{"kind":"job_log","mess')
    file = EventFile(path)
    file.append(draft("job_log", "next"))
    file.close()
    assert [line["message"] for line in read_lines(path, 0).lines] == ["whole", "next"]


def test_progress_is_throttled_but_the_newest_is_never_lost(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    started = time.monotonic()
    with EventReporter(EventFile(path), "job-1") as reporter:
        for number in range(2000):
            reporter.progress(number / 2000, "searching", f"{number}")
    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    assert len(lines) <= (time.monotonic() - started) * 10 + 2
    assert lines[0]["message"] == "0"
    assert lines[-1]["message"] == "1999"


def test_new_phase_is_written_at_once_and_progress_never_falls(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with EventReporter(EventFile(path), "job-1") as reporter:
        for fraction, phase in [(0.5, "a"), (0.2, "b"), (7.0, "c"), (float("nan"), "d"), (-1, "e")]:
            reporter.progress(fraction, phase, phase)
    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    assert [line["phase"] for line in lines] == list("abcde")
    assert [line["progress"] for line in lines] == [0.5, 0.5, 1.0, 1.0, 1.0]


def test_waiting_progress_comes_when_it_is_due(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with EventReporter(EventFile(path), "job-1") as reporter:
        reporter.progress(0.1, "a", "first")
        reporter.progress(0.2, "a", "second")
        reporter.flush_due()
        assert _messages(path) == ["first"]
        time.sleep(0.12)
        reporter.flush_due()
        assert _messages(path) == ["first", "second"]


def test_log_lines_are_bounded_and_threads_do_not_mix_them(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with EventReporter(EventFile(path), "job-1") as reporter:

        def write() -> None:
            for _ in range(MAX_LOG_LINES // 4 + 500):
                reporter.log("x" * 50)

        threads = [threading.Thread(target=write) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    messages = _messages(path)
    assert len(messages) == MAX_LOG_LINES
    assert messages[-1] == "Further log lines are left out"


def test_figures_stand_until_there_are_newer_ones_and_edits_are_never_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    edit = {
        "diff": "+" * 10_000,
        "evidenceRowIds": [f"c-{number}" for number in range(500)],
        "minibatchDelta": 0.5,
    }
    with EventReporter(EventFile(path), "job-1") as reporter:
        reporter.progress(0.1, "searching", "a", bestScore=0.4, budgetUsed={"calls": 5}, etaSeconds=9)
        reporter.progress(0.2, "searching", "edited", edit=edit, hypothesis="be brief", bestScore=0.6)
        reporter.progress(0.3, "searching", "waits")
        reporter.log("a line", edit=edit, step=3)
    _, edited, logged, told = (orjson.loads(raw) for raw in path.read_bytes().splitlines())
    assert (edited["hypothesis"], edited["edit"]["minibatchDelta"]) == ("be brief", 0.5)
    assert len(edited["edit"]["diff"]) == MAX_EXTRA_TEXT
    assert edited["edit"]["diff"].endswith("…")
    assert len(edited["edit"]["evidenceRowIds"]) == 100
    assert (told["bestScore"], told["budgetUsed"], told.get("etaSeconds")) == (0.6, {"calls": 5}, None)
    assert "edit" not in told
    assert (logged["step"], len(logged["edit"]["diff"])) == (3, MAX_EXTRA_TEXT)
