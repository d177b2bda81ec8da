"""gzip and zstd, decoded while they arrive: what one step decodes is bounded, however well it is compressed."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

import zstandard

_OUTPUT = 262_144  # bytes of text that one step of gzip yields at most
# A zstd block of four bytes can stand for 128 KiB: this much input becomes 4 MiB at most.
_ZSTD_INPUT = 128

# A decoder keeps its window in memory; RFC 9659 allows this much for a Content-Encoding.
WEB_WINDOW = 8 * 1024 * 1024
# The largest that the zstd command writes (`--long=31`).
FILE_WINDOW = 2**31


class BrokenDataError(ValueError):
    """Bytes that are not of their encoding, or end too early; the text says which, without a subject."""


class _Member(Protocol):
    """One gzip member or zstd frame that is being decoded."""

    @property
    def ended(self) -> bool: ...

    def step(self, data: memoryview) -> tuple[bytes, int]:
        """Some text, and how many bytes of `data` it took."""


class _Gzip:
    def __init__(self, _window: int) -> None:
        self._stream = zlib.decompressobj(zlib.MAX_WBITS | 16)

    @property
    def ended(self) -> bool:
        return self._stream.eof

    def step(self, data: memoryview) -> tuple[bytes, int]:
        text = self._stream.decompress(data, _OUTPUT)
        left = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
        return text, len(data) - len(left)


class _Zstd:
    def __init__(self, window: int) -> None:
        self._stream = zstandard.ZstdDecompressor(max_window_size=window).decompressobj()

    @property
    def ended(self) -> bool:
        return self._stream.eof

    def step(self, data: memoryview) -> tuple[bytes, int]:
        part = data[:_ZSTD_INPUT]
        text = self._stream.decompress(part)
        return text, len(part) - len(self._stream.unused_data)


_MEMBERS: dict[str, Callable[[int], _Member]] = {"gzip": _Gzip, "zstd": _Zstd}


class Decoder:
    """Decodes `gzip` or `zstd` chunk by chunk; several members or frames in a row are one text.

    Raises BrokenDataError.
    """

    def __init__(self, encoding: str, *, max_window: int = WEB_WINDOW) -> None:
        self._encoding = encoding
        self._max_window = max_window
        self._member: _Member | None = None

    def decode(self, data: bytes) -> Iterator[bytes]:
        """The text that `data` adds, in pieces of bounded size, each decoded when it is asked for."""
        rest, full = memoryview(data), False
        while rest or full:
            if self._member is None:
                self._member = _MEMBERS[self._encoding](self._max_window)
            try:
                text, used = self._member.step(rest)
            except (zlib.error, zstandard.ZstdError) as error:
                raise BrokenDataError(f"is not valid {self._encoding}") from error
            rest = rest[used:]
            # A step that stopped because it had no more room may have text left though its input is used up.
            full = len(text) == _OUTPUT and not self._member.ended
            if self._member.ended:
                self._member = None
            if text:
                yield text

    def finish(self) -> None:
        """Say that no more bytes come."""
        if self._member is not None:
            raise BrokenDataError(f"ends in the middle of its {self._encoding} data")
