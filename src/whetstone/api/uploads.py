"""An upload of JSON lines: stored in batches while it arrives, in constant memory, whatever its length."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import anyio
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import ClientDisconnect

from whetstone.api.edge.bodies import INVALID_JSON, parse_json
from whetstone.api.edge.errors import validation_sentence
from whetstone.api.edge.lines import LineCutter
from whetstone.db import trouble
from whetstone.errors import InvalidInputError, OverloadedError, UnavailableError
from whetstone.trajectories.importers.bulk import BATCH_BYTES, BATCH_RECORDS, Tally, store_batch
from whetstone.trajectories.input.records import TrajectoryInput
from whetstone.trajectories.store import TrajectoryStore

Line = tuple[int, bytes | None]
Numbered = tuple[int, TrajectoryInput]


class Upload:
    """Takes one body. A line that is no trajectory is counted and left out; the others are stored.

    While the store has more work than it can take, the upload waits, and with it the client that sends.
    """

    def __init__(self, store: TrajectoryStore, *, max_line_bytes: int, closing: anyio.Event) -> None:
        self.tally = Tally[int]()
        self._store = store
        self._closing = closing
        self._max_line_bytes = max_line_bytes
        self._lines = LineCutter(max_line_bytes)
        self._batch: list[Line] = []
        self._size = 0

    async def take(self, body: AsyncIterator[bytes]) -> Tally[int]:
        """Store all lines of `body`.

        What was read before a failure stays stored: InvalidInputError when the body cannot be decoded or holds no
        trajectory at all, UnavailableError when the storage gives out, ClientDisconnect when the client leaves.
        """
        try:
            async for chunk in body:
                for line in self._lines.feed(chunk):
                    await self._add(line)
            for line in self._lines.finish():
                await self._add(line)
            await self._flush()
        except ClientDisconnect:
            await self._flush()
            raise
        except InvalidInputError as error:
            await self._flush()
            raise InvalidInputError(f"{error.message}; {self._said_so_far()}") from error
        except OverloadedError as error:
            raise UnavailableError(f"The service is stopping; {self._said_so_far()}") from error
        except (SQLAlchemyError, OSError) as error:
            if trouble(error) is None:
                raise
            raise UnavailableError(f"The storage cannot be used now; {self._said_so_far()}") from error
        if not self.tally.count:
            raise InvalidInputError(self._nothing_taken())
        return self.tally

    async def _add(self, line: Line) -> None:
        self._batch.append(line)
        self._size += len(line[1] or b"")
        if len(self._batch) >= BATCH_RECORDS or self._size >= BATCH_BYTES:
            await self._flush()

    async def _flush(self) -> None:
        batch, self._batch, self._size = self._batch, [], 0
        if batch:
            records = await asyncio.to_thread(self._checked, batch)
            await store_batch(self._store, records, self.tally, self._closing.is_set)

    def _checked(self, batch: Sequence[Line]) -> list[Numbered]:
        records = []
        for number, line in batch:
            if line is None:
                self.tally.refuse(number, f"The line is longer than {self._max_line_bytes} bytes")
                continue
            try:
                records.append((number, _record(line)))
            except InvalidInputError as error:
                self.tally.refuse(number, error.message)
        return records

    def _said_so_far(self) -> str:
        return f"{self.tally.count} trajectories that came before are stored, so the same upload may be sent again"

    def _nothing_taken(self) -> str:
        if not self.tally.rejected:
            return "The request body holds no trajectory"
        number, error = self.tally.errors[0]
        return f"None of the {self.tally.rejected} lines is a trajectory; line {number}: {error}"


def _record(line: bytes) -> TrajectoryInput:
    """The trajectory in a line. Raises InvalidInputError with a sentence that never repeats a value."""
    try:
        value = parse_json(line)
    except InvalidInputError as error:
        raise InvalidInputError("Invalid JSON" if error.message == INVALID_JSON else error.message) from None
    if not isinstance(value, dict):
        raise InvalidInputError("A line must be a JSON object")
    try:
        return TrajectoryInput.model_validate(value)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        # The sentence skips the first part of a place: in requests that is "body".
        placed = [{**each, "loc": ("line", *each["loc"])} for each in problems]
        raise InvalidInputError(validation_sentence(placed)) from None
