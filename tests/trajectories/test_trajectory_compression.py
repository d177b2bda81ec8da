"""Compressed downloads hold the same bytes."""

from __future__ import annotations

import gzip

import pytest
import zstandard

from export_files import whole
from whetstone.errors import InvalidInputError
from whetstone.trajectories.exports.compression import compressed
from whetstone.trajectories.exports.export import export
from whetstone.trajectories.input.records import TrajectoryInput
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.store import TrajectoryStore


async def test_the_same_bytes(store: TrajectoryStore) -> None:
    steps = [{"llmCalls": [{"response": f"text {number}"} for number in range(50)]}]
    await store.add([TrajectoryInput.model_validate({"id": f"t-{n}", "steps": steps}) for n in range(20)])
    plain = await whole(export(store, "json", TrajectoryFilter(), True))
    zipped = compressed(export(store, "json", TrajectoryFilter(), True), "gzip")
    assert (zipped.filename[-8:], zipped.media_type) == (".json.gz", "application/gzip")
    packed = await whole(zipped)
    assert gzip.decompress(packed) == plain
    assert len(packed) < len(plain) / 4
    zstd = compressed(export(store, "json", TrajectoryFilter(), True), "zstd")
    assert (zstd.filename[-9:], zstd.media_type) == (".json.zst", "application/zstd")
    packed = await whole(zstd)
    assert zstandard.ZstdDecompressor().decompressobj().decompress(packed) == plain
    assert len(packed) < len(plain) / 4


@pytest.mark.parametrize("kind", ["zip", "parquet"])
async def test_not_twice(store: TrajectoryStore, kind: str) -> None:
    with pytest.raises(InvalidInputError, match="compressed already"):
        compressed(export(store, kind, TrajectoryFilter(), True), "gzip")  # type: ignore[arg-type]
