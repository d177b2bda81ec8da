"""Raw downloads: JSON and ZIP, whole and without prompts, read back with independent parsers."""

from __future__ import annotations

import io
import zipfile
from typing import Any, get_args

import anyio
import orjson
import pytest

from whetstone.errors import InvalidInputError
from whetstone.trajectories.exports.export import RawFormat, export
from whetstone.trajectories.input.records import TrajectoryInput
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.store import TrajectoryStore

EVERYTHING = TrajectoryFilter()
SECRETS = ["sys-text", "user-text", "answer-text", "thought-text", "message-text", "right-text", "other-text"]


@pytest.fixture
async def filled(store: TrajectoryStore) -> TrajectoryStore:
    call = {
        "systemPrompt": "sys-text",
        "userPrompt": "user-text",
        "prompt": "user-text",
        "response": "answer-text",
        "reasoning": "thought-text",
        "messages": [{"role": "user", "content": "message-text"}],
        "toolCalls": [{"name": "message-text"}],
        "correction": "right-text",
        "providerOptions": {"x": "other-text"},
        "model": "gpt-x",
        "promptTokens": 11,
    }
    await store.add(
        [
            TrajectoryInput.model_validate(value)
            for value in (
                {"id": "t-1", "llmCalls": [call], "startTime": 1000, "endTime": 2500, "scenarioId": "s"},
                {"id": "a/b", "agentId": '=cmd|"x",1'},
                {"id": "a:b", "agentId": "@sum", "source": "two\r\nlines"},
                {"id": "A_B"},
                {"id": ".."},
                {"id": "../../etc/passwd"},
                {"id": "日本"},
            )
        ]
    )
    return store


async def read(
    store: TrajectoryStore,
    file_format: RawFormat,
    wanted: TrajectoryFilter = EVERYTHING,
    prompts: bool = True,
) -> bytes:
    return b"".join([chunk async for chunk in export(store, file_format, wanted, prompts).chunks])


async def test_json_is_a_pretty_array_of_documents(filled: TrajectoryStore) -> None:
    content = await read(filled, "json")
    documents = orjson.loads(content)
    assert documents == [document async for document in filled.stream(EVERYTHING)]
    assert content == orjson.dumps(documents, option=orjson.OPT_INDENT_2)
    assert await read(filled, "json", TrajectoryFilter(ids=[])) == b"[]"
    only = orjson.loads(await read(filled, "json", TrajectoryFilter(scenario_id="s")))
    assert [document["trajectoryId"] for document in only] == ["t-1"]


async def test_exported_json_can_be_ingested_again(filled: TrajectoryStore) -> None:
    before = orjson.loads(await read(filled, "json"))
    await filled.delete_all()
    await filled.add([TrajectoryInput.model_validate(document) for document in reversed(before)])
    after = orjson.loads(await read(filled, "json"))
    for document in (*before, *after):
        document.pop("updatedAt")
        for call in [call for step in document["steps"] for call in step["llmCalls"]]:
            call.pop("createdAt")
    assert after == before


@pytest.mark.parametrize("file_format", ["json", "zip"])
async def test_redacted_downloads_hold_no_prompt_and_no_answer(
    filled: TrajectoryStore, file_format: RawFormat
) -> None:
    content = await read(filled, file_format, prompts=False)
    if file_format == "zip":
        archive = zipfile.ZipFile(io.BytesIO(content))
        content = b"".join(archive.read(name) for name in archive.namelist())
        call = orjson.loads(archive.read("t-1/trajectory.json"))["steps"][0]["llmCalls"][0]
        assert call["systemPrompt"] == call["userPrompt"] == call["response"] == "[redacted]"
    for secret in SECRETS:
        assert secret.encode() not in content
    assert b'"promptTokens": 11' in content


async def test_zip_has_a_manifest_and_a_safe_folder_of_its_own_for_each(filled: TrajectoryStore) -> None:
    archive = zipfile.ZipFile(io.BytesIO(await read(filled, "zip")))
    assert archive.testzip() is None
    names = archive.namelist()
    assert names[0] == "manifest.json"
    manifest: dict[str, Any] = orjson.loads(archive.read("manifest.json"))
    folders = {entry["trajectoryId"]: entry["folder"] for entry in manifest["trajectories"]}
    assert folders["t-1"] == "t-1"
    assert folders["../../etc/passwd"] == ".._.._etc_passwd"
    assert {folders[".."], folders["日本"]} == {"trajectory", "trajectory-2"}
    assert {folders[name].lower() for name in ("a/b", "a:b", "A_B")} == {"a_b", "a_b-2", "a_b-3"}
    assert names[1:] == [
        f"{entry['folder']}/{file}"
        for entry in manifest["trajectories"]
        for file in ("trajectory.json", "summary.json")
    ]
    for identifier, folder in folders.items():
        document = orjson.loads(archive.read(f"{folder}/trajectory.json"))
        assert document == await filled.get(identifier)
        rows, _ = await filled.list(TrajectoryFilter(ids=[identifier]), 1, 0)
        summary = orjson.loads(archive.read(f"{folder}/summary.json"))
        assert summary == {name: rows[0][name] for name in summary}
        assert {"id", "startTime", "llmCallCount", "metadata"} <= summary.keys()


async def test_names_and_types_of_the_files(filled: TrajectoryStore) -> None:
    files = {name: export(filled, name, EVERYTHING, True) for name in get_args(RawFormat)}
    assert {name: file.media_type for name, file in files.items()} == {
        "json": "application/json",
        "csv": "text/csv",
        "zip": "application/zip",
        "parquet": "application/vnd.apache.parquet",
    }
    for name, file in files.items():
        assert file.filename.startswith("trajectories-")
        assert file.filename.endswith(f".{name}")
        assert not set(file.filename) & set(':/"')
    with pytest.raises(InvalidInputError, match="Format must be"):
        export(filled, "art", EVERYTHING, True)  # type: ignore[arg-type]


async def test_large_zip_comes_in_pieces(store: TrajectoryStore) -> None:
    noise = [
        TrajectoryInput.model_validate({"id": f"t{n}", "llmCalls": [{"response": f"{n * 7919**300:x}"}]})
        for n in range(1, 301)
    ]
    await store.add(noise)
    pieces = [chunk async for chunk in export(store, "zip", EVERYTHING, True).chunks]
    assert len(pieces) > 3
    assert len(zipfile.ZipFile(io.BytesIO(b"".join(pieces))).namelist()) == 601


async def test_a_client_may_leave_at_any_moment_of_a_zip(store: TrajectoryStore) -> None:
    steps = [{"llmCalls": [{"response": "x" * 20_000, "userPrompt": "y" * 20_000} for _ in range(5)]}]
    await store.add([TrajectoryInput.model_validate({"id": f"t-{i}", "steps": steps}) for i in range(40)])

    async def download() -> None:
        async for _ in export(store, "zip", TrajectoryFilter(), True).chunks:
            pass

    for number in range(12):
        async with anyio.create_task_group() as group:
            group.start_soon(download)
            await anyio.sleep(0.004 * number)
            group.cancel_scope.cancel()
