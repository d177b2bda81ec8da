"""The formats that can be imported, in the order in which a record is tried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from whetstone.trajectories.importers import (
    art,
    eliza_json,
    eliza_native,
    openai_chat,
    sharegpt,
    tau_bench,
)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Format:
    """A format: how to know its records, and the trajectories in one of them.

    Where a record is only a part of a trajectory, `merge` adds a further part.
    """

    name: str
    matches: Callable[[Json], bool]
    trajectories: Callable[[Json], list[Json]]
    merge: Callable[[Json, Json], Json] | None = None


ZIP = Format("eliza-zip", lambda _record: False, eliza_json.trajectories)
_NDJSON = Format("ndjson", lambda _record: False, eliza_json.trajectories)

FORMATS = {
    each.name: each
    for each in (
        Format("eliza-native", eliza_native.matches, eliza_native.trajectories, eliza_native.merge),
        Format("tau-bench", tau_bench.matches, tau_bench.trajectories),
        Format("eliza-json", eliza_json.matches, eliza_json.trajectories),
        Format("art", art.matches, art.trajectories),
        Format("openai-chat", openai_chat.matches, openai_chat.trajectories),
        Format("sharegpt", sharegpt.matches, sharegpt.trajectories),
        # Known by their file, not by their records.
        ZIP,
        _NDJSON,
    )
}
FORMAT_NAMES = tuple(FORMATS)
KNOWN = (
    "eliza-json (array of whole trajectories), ndjson (one a line), eliza-zip, eliza-native (eliza_native_v1 rows), "
    "art, openai-chat (messages), sharegpt (conversations), tau-bench"
)


def detect(record: Json) -> Format | None:
    """The format of a record."""
    return next((each for each in FORMATS.values() if each.matches(record)), None)
