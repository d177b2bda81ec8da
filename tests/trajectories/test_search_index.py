"""The search index: what it holds, the query language, and how it follows the store."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text

from whetstone.db import Database
from whetstone.errors import InvalidInputError
from whetstone.trajectories.input.records import AnnotationInput, TrajectoryInput
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.search import sqlite_index
from whetstone.trajectories.search.indexing import forget, index_now, postgresql_url, prepare, rebuild
from whetstone.trajectories.search.lag import lag
from whetstone.trajectories.search.plan import plan_search
from whetstone.trajectories.search.postgresql_index import PostgresqlIndexer
from whetstone.trajectories.search.query import SearchMode
from whetstone.trajectories.search.search_plan import SearchPlan
from whetstone.trajectories.search.snippets import snippets
from whetstone.trajectories.search.tsvector import OVERLAP
from whetstone.trajectories.store import TrajectoryStore
from whetstone.trajectories.tables import search_queue, trajectories


def record(identifier: str, **members: Any) -> TrajectoryInput:
    return TrajectoryInput.model_validate({"id": identifier, **members})


def said(identifier: str, *prompts: str) -> TrajectoryInput:
    calls = [{"userPrompt": prompt, "callId": f"c{number}"} for number, prompt in enumerate(prompts)]
    return record(identifier, llmCalls=calls)


async def search(database: Database, needle: str, mode: SearchMode = "text") -> list[str]:
    """Ids of the matches; every way to them must agree."""
    async with database.read() as connection:
        plan = await plan_search(connection, database, needle, mode)
        assert plan is not None
        ids = []
        for condition in (plan.condition(), plan.probe(), trajectories.c.key.in_(plan.keys())):
            query = select(trajectories.c.id).where(condition).order_by(trajectories.c.id)
            ids.append(list((await connection.execute(query)).scalars()))
        assert ids[0] == ids[1] == ids[2]
        assert await plan.count(connection) == len(ids[0])
        assert len(await plan.relevance(connection)) == min(1000, len(ids[0]))
    return ids[0]


async def plan_of(database: Database, needle: str, mode: SearchMode = "text") -> SearchPlan:
    async with database.read() as connection:
        plan = await plan_search(connection, database, needle, mode)
    assert plan is not None
    return plan


async def waiting(database: Database) -> int:
    async with database.read() as connection:
        return (await lag(connection, database)).pending


async def test_every_text_field_is_indexed(store: TrajectoryStore, database: Database) -> None:
    call = {
        "callId": "z1call",
        "model": "z2model",
        "modelType": "z3type",
        "provider": "z4provider",
        "purpose": "z5purpose",
        "actionType": "z6action",
        "stepType": "z7step",
        "tags": ["z8tag"],
        "systemPrompt": "z9system",
        "userPrompt": "z10user",
        "messages": [{"role": "user", "content": "z11message"}],
        "tools": [{"name": "z12tool"}],
        "toolCalls": [{"name": "z13toolcall"}],
        "response": "z14response",
        "reasoning": "z15reasoning",
        "finishReason": "z16finish",
        "metadata": {"k": "z17extra"},
    }
    access = {
        "accessId": "z20access",
        "providerName": "z21provider",
        "purpose": "z22purpose",
        "data": {"k": "z23data"},
        "query": {"q": "z24query"},
        "providerId": "z25extra",
    }
    await store.add(
        [
            record(
                "z30id",
                source="z31source",
                agentId="z32agent",
                scenarioId="z33scenario",
                batchId="z34batch",
                runId="z35run",
                traceId="z36trace",
                episodeId="z37episode",
                archetype="z38archetype",
                aiJudgeReasoning="z39judge",
                metadata={"k": "z40metadata"},
                metrics={"k": "z41metrics"},
                toolEvents=[{"k": "z42event"}],
                steps=[
                    {
                        "stepId": "z50step",
                        "kind": "z51kind",
                        "script": "z52script",
                        "llmCalls": [call],
                        "providerAccesses": [access],
                    }
                ],
            ),
            record("other"),
        ]
    )
    note = {"comment": "z60comment", "corrections": [{"callId": "z1call", "correction": "z61correction"}]}
    await store.annotate("z30id", AnnotationInput.model_validate(note))
    words = [word for word in str((call, access, note)).replace("'", " ").split() if word.startswith("z")]
    words += [f"z{number}" for number in (*range(30, 43), 50, 51, 52)]
    assert len(words) > 30
    for word in words:
        assert await search(database, word.upper()) == ["z30id"], word
    await index_now(database)
    for word in words:
        assert await search(database, word.upper()[:-1]) == ["z30id"], word
        assert (await plan_of(database, word)).scan is None


@pytest.mark.parametrize("indexed", [True, False])
async def test_query_language(store: TrajectoryStore, database: Database, *, indexed: bool) -> None:
    await store.add(
        [
            said("a", "The cat sat on the mat.", "A second thought: error handling"),
            said("b", "Cats and dogs (and a-b c++)", 'say "error"'),
            record("c", llmCalls=[{"messages": [{"content": "line\nerror\thandling 你好"}]}]),
            said("d", "caterpillar in .env and /path/to"),
        ]
    )
    if indexed:
        await index_now(database)
    expected = {
        "cat": ["a"],
        "CAT": ["a"],
        "cat*": ["a", "b", "d"],
        "cat thought": ["a"],
        "cat dogs": [],
        "cat OR dogs": ["a", "b"],
        "error -dogs": ["a", "c"],
        "error -dogs -你": ["a"],
        "error": ["a", "b", "c"],
        "erro": [],
        '"error handling"': ["a"],
        '"sat on"': ["a"],
        '"sat o"': [],
        '"sat o"*': ["a"],
        "mat.": ["a"],
        "c++": ["b"],
        "a-b": ["b"],
        ".env": ["d"],
        "/path/to": ["d"],
        "你好": ["c"],
        "handling": ["a", "c"],
        "line": ["c"],
        "cat OR dogs error": ["a", "b"],
        "-mat cat*": ["b", "d"],
        "or": [],
    }
    for query, ids in expected.items():
        assert await search(database, query, "query") == ids, query


@pytest.mark.parametrize(
    "query",
    ["-cat", '"open', "OR cat", "cat OR", "cat OR OR dog", "cat OR -dog", "-", "*", '""', 'a"b"c "', '"a"b'],
)
async def test_a_malformed_query_is_refused_with_advice(database: Database, query: str) -> None:
    with pytest.raises(InvalidInputError, match="OR between two terms"):
        await plan_of(database, query, "query")


async def test_long_tokens(store: TrajectoryStore, database: Database) -> None:
    one, other = "x" * 3000 + "a" + "x" * 3000, "x" * 6001
    await store.add(
        [said("one", f"image {one} end"), said("other", f"image {other} end"), said("z", "你" * 5000)]
    )
    await index_now(database)
    assert await search(database, "x" * 1000) == ["one", "other"]
    assert await search(database, "x" * 400 + "A" + "x" * 500) == ["one"]
    assert await search(database, "image " + "x" * 900) == ["one", "other"]
    assert await search(database, "x" * 900 + " end") == ["one", "other"]
    assert await search(database, "你" * 1000) == ["z"]
    assert await search(database, "你" * 5 + "x") == []


async def test_updates_and_deletions_reach_the_index(store: TrajectoryStore, database: Database) -> None:
    await store.add([said(f"t{number}", f"first word{number}") for number in range(30)])
    assert await waiting(database) == 30
    assert await index_now(database) == 30
    assert await waiting(database) == 0
    await store.add([record("t3", llmCalls=[{"userPrompt": "second text"}])])
    await store.delete(["t4"])
    assert await waiting(database) == 2
    for _ in range(2):
        assert await search(database, "second") == ["t3"]
        assert await search(database, "WORD3") == ["t3"]
        assert await search(database, "word4") == []
        assert len(await search(database, "first")) == 29
        await index_now(database)
    await store.delete_all()
    assert await search(database, "first") == []
    await index_now(database)
    await store.add([said("new", "first again")])
    assert await search(database, "first") == ["new"]
    await index_now(database)
    assert await search(database, "first") == ["new"]
    async with database.read() as connection:
        count = await connection.execute(text("SELECT count(*) FROM search.documents"))
        assert database.dialect == "sqlite" or count.scalar_one() == 1


async def test_many_rounds_and_broad_needles(store: TrajectoryStore, database: Database) -> None:
    await store.add([said(f"t{number:04}", f"item{number}, ok") for number in range(1200)])
    await index_now(database)
    broad = await plan_of(database, "item")
    assert broad.scan is not None
    assert len(await search(database, "item")) == 1200
    assert len(await search(database, "item11")) == 111
    assert (await plan_of(database, "item11")).scan is None
    assert len(await search(database, "item1*", "query")) == 311
    assert await search(database, "item7", "query") == ["t0007"]
    assert len(await search(database, ", ok")) == 1200
    assert len(await search(database, "7, ok")) == 120


async def test_parts_of_a_large_trajectory_are_one(store: TrajectoryStore, database: Database) -> None:
    filler = [f"{number} and, then, some, more, words, " * 60 for number in range(40)]
    await store.add([said("large", "start alpha", *filler, "end omega"), said("small", "alpha only")])
    await index_now(database)
    if database.dialect == "postgresql":
        async with database.read() as connection:
            parts = await connection.execute(text("SELECT max(part) FROM search.documents"))
            assert parts.scalar_one() > 2
    assert await search(database, "alpha omega", "query") == ["large"]
    assert await search(database, "alpha -omega", "query") == ["small"]
    assert await search(database, "39 and, then, some") == ["large"]
    whole = filler[20]
    for start in range(0, len(whole) - 1000, 97):
        assert await search(database, whole[start : start + 1000]) == ["large"]
    assert OVERLAP >= 100


async def test_search_beside_other_filters(store: TrajectoryStore, database: Database) -> None:
    await store.add(
        [record(f"t{n}", source="ab"[n % 2], llmCalls=[{"userPrompt": "needle"}]) for n in range(6)]
    )
    await index_now(database)
    await store.add([record("t1", llmCalls=[{"userPrompt": "more"}])])
    rows, total = await store.list(TrajectoryFilter(search="needle", source="b"), 2, 0)
    assert ([row["id"] for row in rows], total) == (["t5", "t3"], 3)


async def test_snippets_show_where_it_matched(store: TrajectoryStore, database: Database) -> None:
    await store.add(
        [
            said("a", "nothing", "here is the Needle, found"),
            record("b", llmCalls=[{"messages": [{"content": 'said "x"\nneedle 你好'}], "callId": "m"}]),
            record("c", metadata={"k": "a needle"}),
            record("d", llmCalls=[{"systemPrompt": "the needle of all"}]),
            record("needle-e"),
        ]
    )
    async with database.read() as connection:
        rows = await connection.execute(select(trajectories.c.id, trajectories.c.key))
        keys = {row.id: row.key for row in rows}
        plan = await plan_search(connection, database, "NEEDLE")
        assert plan is not None
        found = await snippets(connection, plan, list(keys.values()))
    assert found[keys["a"]] == {
        "field": "userPrompt",
        "callId": "c1",
        "text": "here is the Needle, found",
        "highlights": [[12, 18]],
    }
    assert found[keys["b"]]["field"] == "messages"
    assert found[keys["b"]]["text"] == 'said "x"\nneedle 你好'
    assert found[keys["c"]]["field"] == "metadata"
    assert found[keys["d"]]["field"] == "systemPrompt"
    assert found[keys["needle-e"]] == {"field": "id", "text": "needle-e", "highlights": [[0, 6]]}


async def test_an_index_that_is_missing_old_or_damaged_is_made_anew(
    store: TrajectoryStore, database: Database
) -> None:
    await store.add([said("t", "some needle")])
    await index_now(database)
    if database.dialect == "postgresql":
        async with database.write() as connection:
            await connection.execute(text("UPDATE search.state SET value = 'old'"))
        assert await search(database, "needle") == ["t"]
        assert await index_now(database) == 1
        async with database.write() as connection:
            await connection.execute(text("DROP SCHEMA search CASCADE"))
    else:
        file = database.attached_file()
        assert file is not None
        sqlite_index.create(file)
        database.attach_anew()
        assert await search(database, "needle") == ["t"]
        assert await index_now(database) == 1
        for path in (file, file.with_name(file.name + "-wal")):
            path.write_bytes(b"no database at all" * 1000)
        database.attach_anew()
    assert await search(database, "needle") == ["t"]
    assert await index_now(database) == 1
    assert await search(database, "needle") == ["t"]
    assert (await plan_of(database, "needle")).scan is None
    assert await rebuild(database) == 1


async def test_the_queue_forgets_what_is_indexed(store: TrajectoryStore, database: Database) -> None:
    await store.add([said("a", "one"), said("b", "two")])
    await index_now(database)
    await store.add([said("c", "three")])
    async with database.read() as connection:
        newest = (await connection.execute(select(func.max(search_queue.c.key)))).scalar_one()
    if database.dialect == "sqlite":
        await forget(database, newest - 1)
    async with database.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(search_queue))).scalar_one() == 1
        late = await lag(connection, database)
    assert late.pending == 1
    assert 0 <= late.oldest_ms < 60_000
    assert await search(database, "three") == ["c"]


async def test_an_indexer_that_stays_remembers_nothing_that_is_gone(
    store: TrajectoryStore, database: Database
) -> None:
    def prompted(identifier: str, prompt: str) -> TrajectoryInput:
        return record(identifier, llmCalls=[{"systemPrompt": prompt, "response": "fine"}])

    await prepare(database)
    async with AsyncExitStack() as stack:
        indexer: PostgresqlIndexer | sqlite_index.SqliteIndexer
        if database.dialect == "postgresql":
            indexer = await PostgresqlIndexer.open(postgresql_url(database), stack)
        else:
            file = database.attached_file()
            assert file is not None
            indexer = sqlite_index.SqliteIndexer(Path(str(database.url.database)), file)
            stack.callback(indexer.close)

        async def catch_up() -> None:
            done = indexer.round()
            assert (done if isinstance(done, int) else await done) == 1
            assert await waiting(database) == 0

        await store.add([prompted("a", "alpha prompts")])
        await catch_up()
        await store.delete_all()
        await catch_up()
        await store.add([prompted("b", "omega prompts")])
        await catch_up()
        assert await search(database, "mega prom") == ["b"]
        assert await search(database, "lpha") == []
        if database.dialect == "postgresql":
            await prepare(database, anew=True)  # as another process does it
            await catch_up()
            assert await search(database, "mega prom") == ["b"]


def test_the_indexer_connects_as_the_service_does() -> None:
    url = "postgresql+asyncpg://me:secret@host:5/name?ssl=require&prepared_statement_cache_size=0"
    assert postgresql_url(Database(url)) == "postgresql://me:secret@host:5/name?sslmode=require"
