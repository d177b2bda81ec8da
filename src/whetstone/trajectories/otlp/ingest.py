"""A request of spans on its way into the store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from whetstone.errors import ConflictError
from whetstone.trajectories.input.fragments import TrajectoryFragment
from whetstone.trajectories.otlp.mapping import Mapped, trajectories
from whetstone.trajectories.otlp.spans import Decoded
from whetstone.trajectories.store import TrajectoryStore

LOGGING_OFF = "trajectory logging is off, so nothing was stored"
_FRAGMENTS = TypeAdapter(list[TrajectoryFragment])
# Requests with fewer bytes are worked on where they arrive: a thread would take longer than the work.
_THREAD_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request: the number of spans that were refused, and why or what else is to be said."""

    rejected: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """The news about one trajectory, and from how many spans; `only_ends` as in `Mapped`."""

    record: TrajectoryFragment
    spans: int
    only_ends: bool


async def ingest(store: TrajectoryStore, body: bytes, decode: Callable[[bytes], Decoded]) -> Outcome:
    """Store the spans in `body`; spans that cannot be stored are counted, and do not keep others out.

    Raises InvalidInputError when the body cannot be decoded, and what the store raises when it takes nothing now.
    """
    if len(body) > _THREAD_BYTES:
        decoded, pieces = await asyncio.to_thread(_read, body, decode)
    else:
        decoded, pieces = _read(body, decode)
    if doubtful := [str(piece.record.trajectory_id) for piece in pieces if piece.only_ends]:
        known = await store.known(doubtful)
        pieces = [piece for piece in pieces if not piece.only_ends or piece.record.trajectory_id in known]
    stored = await _store(store, pieces, decoded)
    message = decoded.reason or ("" if stored else LOGGING_OFF)
    return Outcome(decoded.rejected, message)


async def _store(store: TrajectoryStore, pieces: Sequence[Piece], decoded: Decoded) -> bool:
    if not pieces:
        return True
    try:
        return (await store.add_fragments([piece.record for piece in pieces])).stored
    except ConflictError as error:
        if len(pieces) == 1:
            decoded.reject(error.message, pieces[0].spans)
            return True
    # One of them claims an id that is taken: only its spans are refused.
    return all([await _store(store, [piece], decoded) for piece in pieces])


def _read(body: bytes, decode: Callable[[bytes], Decoded]) -> tuple[Decoded, list[Piece]]:
    decoded = decode(body)
    mapped = trajectories(decoded.spans)
    try:
        records = _FRAGMENTS.validate_python([each.record for each in mapped])
    except ValidationError:
        return decoded, [piece for each in mapped if (piece := _alone(each, decoded)) is not None]
    pairs = zip(records, mapped, strict=True)
    return decoded, [Piece(record, each.spans, each.only_ends) for record, each in pairs]


def _alone(mapped: Mapped, decoded: Decoded) -> Piece | None:
    """One trajectory whose neighbour was refused."""
    try:
        record = TrajectoryFragment.model_validate(mapped.record)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        decoded.reject(f"a span cannot be stored: {first['msg']}", mapped.spans)
        return None
    return Piece(record, mapped.spans, mapped.only_ends)
