"""Where the processes that use one endpoint meet: a small table of files in the state folder.

<folder>/lock          held for the blink of an eye by whoever reads and writes the table
<folder>/table.json    who holds how many calls, and how wide the endpoint is at present
<folder>/<id>.lease    locked by its process for as long as it lives: a dead one's lease is free by construction
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import orjson
import structlog

from whetstone.files import is_locked, take_lock
from whetstone.lm.shares import Allotment, Lease, Report, Table, negotiate

_log = structlog.get_logger(__name__)
_LOCK_SECONDS = 0.25


class Board:
    """One member's place at the table in `folder`; None for a table of one's own. Blocking; for one thread at a time.

    Where the folder cannot hold locks (Windows, some network file systems) the member goes on alone.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._me = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._lease: int | None = None
        self._own = Table()

    def exchange(self, report: Report) -> Allotment | None:
        """Tell the others, and learn what one gets; None when the table is busy and all stays as it was."""
        if self._folder is not None:
            try:
                with self._table(self._folder) as table:
                    return None if table is None else negotiate(table, self._me, report, time.monotonic())
            except OSError as error:
                _log.warning("lm_width_not_shared", folder=str(self._folder), error=str(error))
                self._folder = None
        return negotiate(self._own, self._me, report, time.monotonic())

    def leave(self) -> None:
        """Give everything back."""
        if self._folder is None or self._lease is None:
            return
        with contextlib.suppress(OSError), self._table(self._folder) as table:
            if table is not None:
                table.leases.pop(self._me, None)
        self._lease_file(self._folder, self._me).unlink(missing_ok=True)
        os.close(self._lease)
        self._lease = None

    @contextmanager
    def _table(self, folder: Path) -> Iterator[Table | None]:
        folder.mkdir(parents=True, exist_ok=True)
        lock = _lock(folder / "lock")
        if lock is None:
            yield None
            return
        try:
            found = _read(folder / "table.json")
            before = asdict(found)
            self._join(folder)
            table = self._without_the_dead(folder, found)
            yield table
            if asdict(table) != before:
                _write(folder / "table.json", table)
        finally:
            os.close(lock)

    def _join(self, folder: Path) -> None:
        mine = self._lease_file(folder, self._me)
        if self._lease is not None and mine.exists():
            return
        if self._lease is not None:  # somebody cleaned up the folder
            os.close(self._lease)
        self._lease = take_lock(mine)
        for path in folder.glob("*.lease"):
            if path != mine and not is_locked(path):
                path.unlink(missing_ok=True)

    def _without_the_dead(self, folder: Path, table: Table) -> Table:
        alive = {
            name: lease
            for name, lease in table.leases.items()
            if name == self._me or is_locked(self._lease_file(folder, name))
        }
        # What an endpoint could take long ago, or before the machine's start, says nothing.
        return replace(table, leases=alive) if alive else Table()

    @staticmethod
    def _lease_file(folder: Path, name: str) -> Path:
        return folder / f"{name}.lease"


def _lock(path: Path) -> int | None:
    deadline = time.monotonic() + _LOCK_SECONDS
    while (descriptor := take_lock(path)) is None and time.monotonic() < deadline:
        time.sleep(0.002)
    return descriptor


def _read(path: Path) -> Table:
    try:
        value = orjson.loads(path.read_bytes())
        leases = {name: Lease(**lease) for name, lease in value.pop("leases").items()}
        return Table(**value, leases=leases)
    except FileNotFoundError:
        return Table()
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        _log.warning("lm_width_table_unreadable", error=type(error).__name__)
        return Table()


def _write(path: Path, table: Table) -> None:
    """Whole or not at all, but not durable: after a crash of the machine nobody holds anything."""
    new = path.with_suffix(".new")
    new.write_bytes(orjson.dumps(table))
    new.replace(path)
