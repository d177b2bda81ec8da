"""ZIP archives written front to back, whose table of contents waits in a temporary file, not in memory.

Format: PKWARE's APPNOTE.TXT 6.3 (local headers with sizes, central directory, ZIP64 where numbers need it).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from tempfile import SpooledTemporaryFile
from typing import BinaryIO

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_EXTRA_64 = struct.Struct("<2HQ")

_UINT16 = 0xFFFF
_UINT32 = 0xFFFFFFFF
_DEFLATED = 8
_VERSION, _VERSION_64 = 20, 45
_MADE_ON_UNIX = 3 << 8
_UTF8_NAME = 0x800
_OWNER_ONLY = 0o100600 << 16  # as zipfile sets it: a file, for its owner alone

# A fast level: pretty-printed JSON shrinks nearly as far as with the slowest one.
_LEVEL = 3
_IN_MEMORY = 1 << 20
_CHUNK = 1 << 18


class ZipFile:
    """Makes the bytes of an archive, member by member; nothing is ever rewritten."""

    def __init__(self, written_at: int) -> None:
        """`written_at` in milliseconds since the epoch is the time of all members."""
        moment = datetime.fromtimestamp(written_at / 1000, UTC)
        year = min(max(moment.year, 1980), 2107)
        self._date = (year - 1980) << 9 | moment.month << 5 | moment.day
        self._time = moment.hour << 11 | moment.minute << 5 | moment.second // 2
        self._directory = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed by `close`
        self._directory_size = 0
        self._count = 0
        self._offset = 0

    def close(self) -> None:
        """Give up the temporary file."""
        self._directory.close()

    def member(self, name: str, content: bytes) -> bytes:
        """A file of the archive."""
        packer = _packer()
        packed = packer.compress(content) + packer.flush()
        return self._header(name, zlib.crc32(content), len(packed), len(content)) + packed

    def spooled_member(self, name: str, content: Packed) -> Iterator[bytes]:
        """A file of the archive that was packed piece by piece."""
        yield self._header(name, content.checksum, content.packed_size, content.size)
        yield from content.chunks()

    def end(self) -> Iterator[bytes]:
        """The table of contents, with which an archive ends."""
        start, size = self._offset, self._directory_size
        self._directory.seek(0)
        while chunk := self._directory.read(_CHUNK):
            yield chunk
        if self._count >= _UINT16 or start >= _UINT32 or size >= _UINT32:
            versions = (_MADE_ON_UNIX | _VERSION_64, _VERSION_64)
            yield _END_64.pack(b"PK\6\6", 44, *versions, 0, 0, self._count, self._count, size, start)
            yield _LOCATOR_64.pack(b"PK\6\7", 0, start + size, 1)
        count = min(self._count, _UINT16)
        yield _END.pack(b"PK\5\6", 0, 0, count, count, min(size, _UINT32), min(start, _UINT32), 0)

    def _header(self, name: str, checksum: int, packed_size: int, size: int) -> bytes:
        encoded = name.encode()
        flags = 0 if name.isascii() else _UTF8_NAME
        common = (flags, _DEFLATED, self._time, self._date, checksum, packed_size, size, len(encoded))
        local = _LOCAL.pack(b"PK\3\4", _VERSION, *common, 0) + encoded
        far = self._offset >= _UINT32
        extra = _EXTRA_64.pack(1, 8, self._offset) if far else b""
        version = _VERSION_64 if far else _VERSION
        offset = min(self._offset, _UINT32)
        entry = _CENTRAL.pack(
            b"PK\1\2", _MADE_ON_UNIX | version, version, *common, len(extra), 0, 0, 0, _OWNER_ONLY, offset
        )
        self._directory_size += self._directory.write(entry + encoded + extra)
        self._count += 1
        self._offset += len(local) + packed_size
        return local


class Packed:
    """A file of an archive that is packed while it is made, in a temporary file of its own."""

    def __init__(self) -> None:
        self.checksum = 0
        self.size = 0
        self.packed_size = 0
        self._packer = _packer()
        self._file: BinaryIO = SpooledTemporaryFile(_IN_MEMORY)  # type: ignore[assignment]  # noqa: SIM115

    def add(self, content: bytes) -> None:
        """Append to the file."""
        self.checksum = zlib.crc32(content, self.checksum)
        self.size += len(content)
        self.packed_size += self._file.write(self._packer.compress(content))

    def finish(self) -> None:
        """Nothing more will be added."""
        self.packed_size += self._file.write(self._packer.flush())

    def chunks(self) -> Iterator[bytes]:
        """The packed bytes."""
        self._file.seek(0)
        while chunk := self._file.read(_CHUNK):
            yield chunk

    def close(self) -> None:
        """Give up the temporary file."""
        self._file.close()


def _packer() -> zlib._Compress:
    return zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
