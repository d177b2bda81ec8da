"""The files that an import reads: plain, gzip or zstd; a path, a folder, or `-` for standard input."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from whetstone.decompression import FILE_WINDOW, Decoder
from whetstone.errors import InvalidInputError

_BUFFER = 262_144
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
# Files of a folder that are read; any other file must be named.
_SUFFIXES = frozenset({".json", ".jsonl", ".ndjson", ".zip", ".gz", ".zst"})


@dataclass(slots=True)
class Source:
    """One file, or standard input where `path` is None."""

    path: Path | None
    _raw: BinaryIO | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """What errors call it."""
        return "standard input" if self.path is None else str(self.path)

    @property
    def size(self) -> int | None:
        """Bytes on disk; None where that is unknown."""
        return self.path.stat().st_size if self.path is not None and self.path.is_file() else None

    def position(self) -> int:
        """How many of those bytes have been read."""
        if self.path is None or self._raw is None or self._raw.closed:
            return self.size or 0
        return self._raw.tell()

    @contextmanager
    def open(self) -> Iterator[io.BufferedReader]:
        """Its decoded bytes. Raises InvalidInputError when it cannot be opened."""
        if self.path is None:
            yield _decoded(io.BufferedReader(_Unclosed(sys.stdin.buffer), _BUFFER))
            return
        try:
            raw = self.path.open("rb", buffering=0)
        except OSError as error:
            raise InvalidInputError(f"{self.name} cannot be read: {error.strerror}") from error
        with raw:
            self._raw = raw
            yield _decoded(io.BufferedReader(raw, _BUFFER))


def sources(paths: Sequence[Path]) -> list[Source]:
    """The files that `paths` mean; a folder means the readable ones in it, in the order of their names.

    Raises InvalidInputError on a path that does not exist.
    """
    found = []
    for path in paths:
        if str(path) == "-":
            found.append(Source(None))
        elif path.is_dir():
            found += [Source(file) for file in sorted(path.rglob("*")) if _is_readable(file, path)]
        elif path.exists():
            found.append(Source(path))
        else:
            raise InvalidInputError(f"There is no file {path}")
    return found


def _is_readable(file: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
    return not hidden and file.suffix.lower() in _SUFFIXES and file.is_file()


def _decoded(stream: io.BufferedReader) -> io.BufferedReader:
    head = stream.peek(4)[:4]
    for magic, encoding in _MAGIC.items():
        if head.startswith(magic):
            return io.BufferedReader(_Decoded(stream, encoding), _BUFFER)
    return stream


class _Unclosed(io.RawIOBase):
    """A stream that belongs to somebody else, and stays open."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        return self._stream.readinto1(buffer)  # type: ignore[attr-defined, no-any-return]


class _Decoded(io.RawIOBase):
    """A compressed stream as what it holds. Reading raises BrokenDataError."""

    def __init__(self, stream: io.BufferedReader, encoding: str) -> None:
        self._stream = stream
        self._decoder = Decoder(encoding, max_window=FILE_WINDOW)
        self._pieces: Iterator[bytes] = iter(())
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is not None:
                self._rest = memoryview(piece)
            elif chunk := self._stream.read1(_BUFFER):
                self._pieces = self._decoder.decode(chunk)
            else:
                self._decoder.finish()
                return 0
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
