"""The body of an upload: one trajectory a line, compressed while it is sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson
import zstandard

UPLOAD_HEADERS = {"Content-Type": "application/x-ndjson", "Content-Encoding": "zstd"}


def compressed_lines(trajectories: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """The chunks of the body."""
    stream = zstandard.ZstdCompressor().compressobj()
    for trajectory in trajectories:
        line = orjson.dumps(trajectory, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS)
        if chunk := stream.compress(line):
            yield chunk
    yield stream.flush()
