"""ZIP archives that are written front to back, read by the standard library and by Info-ZIP."""

from __future__ import annotations

import io
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whetstone.trajectories.exports.zip_file import Packed, ZipFile

MOMENT = 1_760_000_000_000


def archive(files: dict[str, bytes], made: ZipFile | None = None) -> bytes:
    made = made or ZipFile(MOMENT)
    parts = [made.member(name, content) for name, content in files.items()]
    content = b"".join([*parts, *made.end()])
    made.close()
    return content


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).map(
            lambda name: name.replace("\0", "x").replace("\\", "x")
        ),
        st.binary(max_size=200),
        max_size=8,
    )
)
def test_what_goes_in_comes_out(files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(io.BytesIO(archive(files))) as read:
        assert read.testzip() is None
        assert {info.orig_filename: read.read(info) for info in read.infolist()} == files


def test_a_member_that_is_packed_in_pieces() -> None:
    made, packed = ZipFile(MOMENT), Packed()
    for piece in (b"one ", b"two ", b"x" * 3_000_000):
        packed.add(piece)
    packed.finish()
    content = b"".join([*made.spooled_member("a.txt", packed), made.member("b.txt", b"b"), *made.end()])
    made.close()
    packed.close()
    with zipfile.ZipFile(io.BytesIO(content)) as read:
        assert read.read("a.txt") == b"one two " + b"x" * 3_000_000
        assert read.read("b.txt") == b"b"
        assert read.getinfo("a.txt").date_time == (2025, 10, 9, 8, 53, 20)
        assert (read.getinfo("a.txt").external_attr >> 16) & 0o777 == 0o600


def test_more_members_than_the_old_format_can_count(tmp_path: Path) -> None:
    files = {f"{number}/trajectory.json": b"{}" for number in range(70_000)}
    content = archive(files)
    with zipfile.ZipFile(io.BytesIO(content)) as read:
        assert len(read.infolist()) == 70_000
        assert read.read("69999/trajectory.json") == b"{}"
    if shutil.which("unzip"):
        path = tmp_path / "many.zip"
        path.write_bytes(content)
        checked = subprocess.run(["unzip", "-tq", str(path)], capture_output=True, text=True)
        assert checked.returncode == 0, checked.stderr
        assert "No errors" in checked.stdout


class _Sparse(io.RawIOBase):
    """An archive with a hole in front that nobody has to store."""

    def __init__(self, hole: int, content: bytes) -> None:
        self._hole, self._content, self._place = hole, content, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        base = (0, self._place, self._hole + len(self._content))[whence]
        self._place = base + offset
        return self._place

    def read(self, size: int = -1) -> bytes:
        end = self._hole + len(self._content)
        size = end - self._place if size < 0 else min(size, end - self._place)
        holed = max(0, min(self._hole - self._place, size))
        start = max(0, self._place - self._hole)
        data = b"\0" * holed + self._content[start : start + size - holed]
        self._place += len(data)
        return data


def test_members_beyond_four_gigabytes() -> None:
    """The table of contents names the places of members that the old format cannot reach."""
    made = ZipFile(MOMENT)
    hole = 5 << 30
    made._offset = hole  # as if so much had been written before
    content = archive({"far.txt": b"far", "farther.txt": b"farther"}, made)
    with zipfile.ZipFile(_Sparse(hole, content)) as read:
        assert read.infolist()[0].header_offset == hole
        assert read.read("far.txt") == b"far"
        assert read.read("farther.txt") == b"farther"


@pytest.mark.parametrize("moment", [0, 10**15])
def test_times_that_the_format_does_not_know(moment: int) -> None:
    content = archive({"a": b"a"}, ZipFile(min(moment, 253_402_300_799_999)))
    with zipfile.ZipFile(io.BytesIO(content)) as read:
        assert read.getinfo("a").date_time[0] in (1980, 2107)
