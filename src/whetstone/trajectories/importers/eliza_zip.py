"""ZIP exports (wire contract §5.6): a folder a trajectory, with `trajectory.json` in it."""

from __future__ import annotations

import io
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator

import orjson

from whetstone.errors import InvalidInputError
from whetstone.trajectories.importers.records import Record

MAGIC = b"PK\x03\x04"
_MEMBER = "trajectory.json"
_MOST = 1 << 30  # bytes of one trajectory: more is no trajectory but a bomb
_IN_MEMORY = 1 << 24


def records(stream: io.BufferedReader) -> Iterator[Record]:
    """The trajectory documents of an archive, one at a time. Raises InvalidInputError when it is none."""
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as copy:
        seekable = stream.seekable()
        if not seekable:
            # The table of contents is at the end.
            shutil.copyfileobj(stream, copy)
        try:
            archive = zipfile.ZipFile(stream if seekable else copy)
        except zipfile.BadZipFile as error:
            raise InvalidInputError(f"is not a readable ZIP archive: {error}") from error
        with archive:
            for member in archive.infolist():
                if member.filename.rpartition("/")[2] == _MEMBER:
                    yield _record(archive, member)


def _record(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Record:
    if member.file_size > _MOST:
        return Record(member.filename, problem=f"larger than {_MOST} bytes")
    try:
        return Record(member.filename, orjson.loads(archive.read(member)))
    except orjson.JSONDecodeError as error:
        problem = f"not valid JSON ({error.msg} at line {error.lineno}, column {error.colno})"
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        problem = f"cannot be unpacked: {error}"
    return Record(member.filename, problem=problem)
