"""Messages between the service and the worker process: a length of four bytes, then JSON.

The worker says `{"ready": true}` or `{"error": message}` once; then each `{"texts": [text, …]}` is answered by
`{"found": [[[start, end, kind], …], …]}`, one list for each text, or by `{"failed": cause}`.
"""

from __future__ import annotations

import struct
from typing import IO, Any, Final

import orjson

_LENGTH: Final = struct.Struct(">I")


def send(stream: IO[bytes], message: dict[str, Any]) -> None:
    """Write one message. Raises OSError when the other side is gone."""
    content = orjson.dumps(message)
    stream.write(_LENGTH.pack(len(content)) + content)
    stream.flush()


def receive(stream: IO[bytes]) -> dict[str, Any] | None:
    """The next message; None when the other side is gone."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    content = stream.read(length)
    if len(content) < length:
        return None
    message: dict[str, Any] = orjson.loads(content)
    return message
