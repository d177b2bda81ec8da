"""Trajectories as a ZIP archive, written as it is read: one folder a trajectory, a manifest in front."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable
from contextlib import closing
from itertools import islice
from tempfile import SpooledTemporaryFile
from typing import Any

import orjson

from whetstone.clock import iso
from whetstone.trajectories.exports.batches import in_thread
from whetstone.trajectories.exports.redaction import without_prompts
from whetstone.trajectories.exports.zip_file import Packed, ZipFile
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.reading.documents import summary
from whetstone.trajectories.store import TrajectoryStore

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_MAX_FOLDER = 256
_RECORDS = 500  # entries of the manifest that are written in one go
_DOCUMENTS = 50  # trajectories that are compressed in one go
_IN_MEMORY = 1 << 20
# What pretty printing puts around the entries of `{"": [entries]}`.
_BEFORE_ENTRIES, _BEHIND_ENTRIES = len('{\n  "": [\n'), len("\n  ]\n}")

Json = dict[str, Any]


async def zip_bytes(
    store: TrajectoryStore, wanted: TrajectoryFilter, *, include_prompts: bool, exported_at: int
) -> AsyncIterator[bytes]:
    """`manifest.json`, then `<folder>/trajectory.json` and `<folder>/summary.json` of each trajectory.

    What stays in memory are the names of the folders, about 100 bytes a trajectory; the rest waits in temporary
    files. A trajectory that is deleted meanwhile stays in the manifest and has no folder.
    """
    with closing(ZipFile(exported_at)) as archive, closing(_Contents(exported_at)) as contents:
        records: list[Json] = []
        async for record in store.records(wanted):
            records.append(record)
            if len(records) >= _RECORDS:
                await in_thread(contents.add, records)
                records = []
        await in_thread(contents.add, records)
        contents.finish()
        for chunk in archive.spooled_member("manifest.json", contents.manifest):
            yield chunk
        while folder_of := contents.next(_DOCUMENTS):
            part = TrajectoryFilter(ids=list(folder_of))
            documents = [document async for document in store.stream(part)]
            yield await in_thread(_members, archive, documents, folder_of, include_prompts=include_prompts)
        for chunk in archive.end():
            yield chunk


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


class _Contents:
    """The manifest, and the folders that are still to be written: both wait in temporary files."""

    def __init__(self, exported_at: int) -> None:
        self.manifest = Packed()
        self.manifest.add(f'{{\n  "exportedAt": "{iso(exported_at)}",\n  "trajectories": ['.encode())
        self._separator = b"\n"
        self._names = FolderNames()
        self._folders = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed by `close`

    def add(self, records: Iterable[Json]) -> None:
        """Give folders to trajectories, from their list records."""
        entries = []
        for record in records:
            folder = self._names.claim(record["id"])
            entries.append({"trajectoryId": record["id"], "folder": folder, "createdAt": record["createdAt"]})
            self._folders.write(orjson.dumps([record["id"], folder], option=orjson.OPT_APPEND_NEWLINE))
        if entries:
            self.manifest.add(self._separator + _pretty({"": entries})[_BEFORE_ENTRIES:-_BEHIND_ENTRIES])
            self._separator = b",\n"

    def finish(self) -> None:
        """No trajectory will be added."""
        self.manifest.add(b"]\n}" if self._separator == b"\n" else b"\n  ]\n}")
        self.manifest.finish()
        self._folders.seek(0)

    def next(self, number: int) -> dict[str, str]:
        """The folders of the next trajectories, by id; empty when there are no more."""
        return dict(orjson.loads(line) for line in islice(self._folders, number))

    def close(self) -> None:
        """Give up the temporary files."""
        self.manifest.close()
        self._folders.close()


def _members(
    archive: ZipFile, documents: Iterable[Json], folder_of: dict[str, str], *, include_prompts: bool
) -> bytes:
    members = []
    for document in documents:
        folder = folder_of[document["trajectoryId"]]
        whole = document if include_prompts else without_prompts(document, placeholder=True)
        members.append(archive.member(f"{folder}/trajectory.json", _pretty(whole)))
        members.append(archive.member(f"{folder}/summary.json", _pretty(summary(whole))))
    return b"".join(members)


def _pretty(content: Json) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_INDENT_2)
