"""Spans in the store: what is kept does not depend on how they were split into requests, or on their order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from otlp_conventions import GENAI, GENAI_MESSAGES
from otlp_requests import START, TRACE, protobuf, request, span, span_id
from trajectory_world import document, without_arrival
from whetstone.db import Database
from whetstone.settings import Settings
from whetstone.trajectories.otlp.ingest import LOGGING_OFF, Outcome, ingest
from whetstone.trajectories.otlp.otlp_json import decode_json
from whetstone.trajectories.otlp.protobuf import decode_protobuf
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.store import TrajectoryStore

Json = dict[str, Any]

CALL = GENAI | GENAI_MESSAGES
TOOL = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "find_order"}
RETRIEVER = {"openinference.span.kind": "RETRIEVER", "input.value": "order 7"}


async def send(store: TrajectoryStore, *spans: Json) -> Outcome:
    return await ingest(store, protobuf(request(*spans)), decode_protobuf)


def turn(trace: str, first: int, start: int, *, error: str | None = None) -> list[Json]:
    """The spans of one turn in a session, children first, as they end."""
    shared: Json = {"trace": trace}
    session = {"session.id": "s-1"}
    return [
        span(first + 2, "search", RETRIEVER | session, parent=first + 1, start=start + 5, ms=10, **shared),
        span(first + 3, "chat", CALL | session, parent=first + 1, start=start + 20, ms=50, **shared),
        span(first + 4, "tool", TOOL | session, parent=first + 1, start=start + 80, ms=5, **shared),
        span(first + 5, "chat", CALL | session, parent=first + 1, start=start + 90, ms=50, **shared),
        span(first + 1, "plan", session, parent=first, start=start + 2, ms=150, **shared),
        span(first, "turn", session | {"turn": first}, start=start, ms=200, error=error, **shared),
    ]


SPANS = [
    *turn("a" * 32, 10, START),
    *turn("b" * 32, 20, START + 1000, error="lost"),
    *turn("c" * 32, 30, START + 500),
]


async def stored(folder: Path, batches: list[list[Json]]) -> Any:
    database = Database(Settings(_env_file=None, database_url=f"sqlite:///{folder}/w.db").sqlalchemy_url())
    await database.open()
    try:
        store = TrajectoryStore(database, Settings(_env_file=None, state_dir=folder))
        for batch in batches:
            assert await send(store, *batch) == Outcome()
        found = without_arrival(await document(store, "s-1"))
        _, total = await store.list(TrajectoryFilter(), 10, 0)
        assert total == 1
        await store.writes_settled()
        return found
    finally:
        await database.close()


@given(data=st.data())
@hypothesis_settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # an example is too slow to be made smaller
    suppress_health_check=list(HealthCheck),
)
async def test_neither_order_nor_batches_matter(tmp_path_factory: Any, data: st.DataObject) -> None:
    """Also not which spans are sent twice."""
    order = data.draw(st.permutations(SPANS)) + data.draw(st.lists(st.sampled_from(SPANS), max_size=5))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(order) - 1), max_size=4)))
    batches = [order[i:j] for i, j in zip([0, *cuts], [*cuts, len(order)], strict=True)]
    whole = await stored(tmp_path_factory.mktemp("whole"), [SPANS])
    assert await stored(tmp_path_factory.mktemp("parts"), batches) == whole
    assert (whole["status"], whole["startTime"], whole["endTime"]) == ("error", START, START + 1200)
    assert (whole["llmCallCount"], whole["providerAccessCount"], whole["stepCount"]) == (6, 3, 6)
    assert [event["type"] for event in whole["toolEvents"]] == ["tool_call", "tool_result"] * 3


async def test_children_arrive_first_and_the_root_completes(store: TrajectoryStore) -> None:
    spans = [span(2, "chat", CALL, parent=1, start=START + 10), span(1, "turn", ms=300)]
    await send(store, spans[0])
    early = await document(store, TRACE)
    assert (early["status"], early["steps"][0]["stepId"]) == ("active", span_id(1))
    assert early["steps"][0]["llmCalls"][0]["callId"] == span_id(2)
    await send(store, spans[1])
    found = await document(store, TRACE)
    assert (found["status"], found["durationMs"], found["agentId"]) == ("completed", 300, "desk")
    assert (found["steps"][0]["name"], found["steps"][0]["timestamp"]) == ("turn", START)
    before = found["updatedAt"]
    await send(store, *spans)
    again = await document(store, TRACE)
    assert again == found
    assert again["updatedAt"] == before


async def test_a_late_child_neither_reopens_nor_renames(store: TrajectoryStore) -> None:
    await send(store, span(1, "turn", error="lost"))
    outcome = await ingest(
        store,
        orjson.dumps(request(span(2, "chat", CALL, parent=1), resource={"service.name": "tool server"})),
        lambda body: decode_json(orjson.loads(body)),
    )
    assert outcome == Outcome()
    found = await document(store, TRACE)
    assert (found["status"], found["agentId"], found["llmCallCount"]) == ("error", "desk", 1)


async def test_a_claimed_id_rejects_its_trajectory_and_no_other(store: TrajectoryStore) -> None:
    await send(store, span(2, "chat", CALL, parent=1))
    other = "d" * 32
    outcome = await send(
        store, span(2, "chat", CALL, parent=7), span(3, "turn"), span(5, "chat", CALL, trace=other)
    )
    assert outcome.rejected == 2
    assert "must be unique" in outcome.message
    assert (await document(store, other))["llmCallCount"] == 1
    assert (await document(store, TRACE))["steps"][0]["stepId"] == span_id(1)


async def test_requests_over_the_network_end_only_what_is_known(store: TrajectoryStore) -> None:
    await send(store, span(1, "GET /health", kind=2))
    assert await store.get(TRACE) is None
    await send(store, span(2, "chat", CALL, parent=1))
    await send(store, span(1, "POST /chat", kind=2))
    found = await document(store, TRACE)
    assert (found["status"], found["steps"][0]["name"]) == ("completed", "POST /chat")


async def test_switched_off_logging_is_told(store: TrajectoryStore) -> None:
    await store.set_logging(False)
    assert await send(store, span(1, "turn")) == Outcome(0, LOGGING_OFF)
    assert await send(store) == Outcome()
