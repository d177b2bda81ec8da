"""Trajectories as a ZIP archive, written as it is read: one folder a trajectory, a manifest in front."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import anyio
import orjson

from whetstone.clock import iso
from whetstone.trajectories.conditions import TrajectoryFilter
from whetstone.trajectories.documents import summary
from whetstone.trajectories.redaction import without_prompts
from whetstone.trajectories.store import TrajectoryStore

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_MAX_FOLDER = 256
_BATCH = 20  # trajectories that are compressed in one go, off the event loop

Json = dict[str, Any]


async def zip_bytes(
    store: TrajectoryStore, wanted: TrajectoryFilter, *, include_prompts: bool, exported_at: int
) -> AsyncIterator[bytes]:
    """`manifest.json`, then `<folder>/trajectory.json` and `<folder>/summary.json` of each trajectory.

    What stays in memory is the table of contents: a few hundred bytes a trajectory, as in any ZIP writer. A
    trajectory that is deleted meanwhile stays in the manifest and has no folder.
    """
    folders = FolderNames()
    entries: list[Json] = [
        {
            "trajectoryId": record["id"],
            "folder": folders.claim(record["id"]),
            "createdAt": record["createdAt"],
        }
        async for record in store.records(wanted)
    ]
    sink = _Sink()
    with ZipFile(sink, "w", ZIP_DEFLATED) as archive:
        manifest = {"exportedAt": iso(exported_at), "trajectories": entries}
        await _write(archive, [("manifest.json", manifest)])
        for start in range(0, len(entries), _BATCH):
            folder_of = {entry["trajectoryId"]: entry["folder"] for entry in entries[start : start + _BATCH]}
            part = TrajectoryFilter(ids=list(folder_of))
            documents = [document async for document in store.stream(part)]
            files = _files(documents, folder_of, include_prompts=include_prompts)
            await _write(archive, files)
            yield sink.take()
    yield sink.take()


class FolderNames:
    """Folder names for trajectory ids (contract §5.6): safe on any file system, and never the same one twice."""

    def __init__(self) -> None:
        self._taken: set[str] = {"manifest.json"}

    def claim(self, identifier: str) -> str:
        """The folder of `identifier`: sanitised, suffixed where another id has it already."""
        name = _UNSAFE.sub("_", identifier).strip("_")[:_MAX_FOLDER]
        if not name.strip("."):  # empty, or "." and ".." that lead out of the folder
            name = "trajectory"
        folder, number = name, 1
        # Upper and lower case are the same folder where such archives are often unpacked.
        while folder.lower() in self._taken:
            number += 1
            folder = f"{name[: _MAX_FOLDER - len(str(number)) - 1]}-{number}"
        self._taken.add(folder.lower())
        return folder


class _Sink:
    """The write end of a pipe that cannot seek: collects bytes until they are taken."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def write(self, data: bytes, /) -> int:
        self._buffer += data
        return len(data)

    def flush(self) -> None:
        """Nothing to do: `take` sees all that was written."""

    def close(self) -> None:
        """Nothing to do: the last `take` comes after the archive is closed."""

    def take(self) -> bytes:
        data = bytes(self._buffer)
        self._buffer.clear()
        return data


def _files(
    documents: Iterable[Json], folder_of: dict[str, str], *, include_prompts: bool
) -> list[tuple[str, Json]]:
    files = []
    for document in documents:
        folder = folder_of[document["trajectoryId"]]
        whole = document if include_prompts else without_prompts(document, placeholder=True)
        files.append((f"{folder}/trajectory.json", whole))
        files.append((f"{folder}/summary.json", summary(document)))
    return files


async def _write(archive: ZipFile, files: Iterable[tuple[str, Json]]) -> None:
    # When the client leaves, the thread must let go of the archive before it can be closed.
    with anyio.CancelScope(shield=True):
        await asyncio.to_thread(_write_all, archive, files)


def _write_all(archive: ZipFile, files: Iterable[tuple[str, Json]]) -> None:
    for name, content in files:
        archive.writestr(name, _pretty(content))


def _pretty(content: Json) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_INDENT_2)
