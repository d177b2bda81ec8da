"""What spans become: trajectories of traces and sessions, with steps, accesses, tools and judgements."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from otlp_conventions import (
    ATTRIBUTES,
    EVENTS,
    FLATTENED,
    GENAI,
    GENAI_MESSAGES,
    INDEXED,
    OPENINFERENCE,
    STRUCTURED,
    VALUES,
    Json,
    mapped,
    record,
)
from otlp_requests import START, TRACE, span, span_id
from whetstone.trajectories.input.fragments import TrajectoryFragment


def test_purpose_comes_from_the_span_above_when_it_is_a_known_one() -> None:
    found = record(span(1, "chat", GENAI, parent=2), span(2, "shouldRespond"))
    assert found["llmCalls"][0]["purpose"] == "should_respond"
    found = record(span(1, "chat", GENAI, parent=2), span(2, "my workflow"))
    assert "purpose" not in found["llmCalls"][0]


def test_a_trace_with_agent_retriever_tool_and_evaluator() -> None:
    found = record(
        span(1, "chat", GENAI, parent=2, start=START + 10),
        span(
            3,
            "search",
            {
                "openinference.span.kind": "RETRIEVER",
                "input.value": "order 7",
                "retrieval.documents.0.document.id": "d1",
                "retrieval.documents.0.document.content": "Packed.",
                "retrieval.documents.0.document.score": 0.5,
                "retrieval.documents.1.document.content": "Other.",
            },
            parent=2,
        ),
        span(
            4,
            "execute_tool find_order",
            {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "find_order",
                "gen_ai.tool.call.id": "call_1",
                "gen_ai.tool.call.arguments": '{"id":"7"}',
                "gen_ai.tool.call.result": "packed",
            },
            parent=2,
            start=START + 20,
        ),
        span(5, "refund", {"openinference.span.kind": "TOOL"}, parent=2, start=START + 30, error="no"),
        span(
            6,
            "polite?",
            {"openinference.span.kind": "EVALUATOR", "evaluation.score": 0.9, "evaluation.label": "yes"},
            parent=2,
        ),
        span(7, "embed", {"openinference.span.kind": "EMBEDDING"}, parent=2),
        span(8, "GET", {"http.method": "GET"}, parent=2, kind=3),
        span(
            2,
            "agent turn",
            {"openinference.span.kind": "AGENT", "agent.name": "clerk", "user.id": "u-1"},
            ms=500,
        ),
        resource={"service.name": "desk", "deployment.environment": "prod", "process.pid": 3},
    )
    assert found["trajectoryId"] == found["traceId"] == TRACE
    assert (found["agentId"], found["source"]) == ("desk", "otel")
    assert (found["status"], found["endTime"]) == ("completed", START + 500)
    assert found["metadata"] == {"deployment.environment": "prod", "user.id": "u-1"}
    assert [(step["stepId"], step["name"], step["spanKind"]) for step in found["steps"]] == [
        (span_id(2), "clerk", "AGENT")
    ]
    [access] = found["providerAccesses"]
    assert (access["providerName"], access["stepId"], access["query"]) == (
        "search",
        span_id(2),
        {"query": "order 7"},
    )
    assert access["data"]["documents"] == [
        {"id": "d1", "content": "Packed.", "score": 0.5},
        {"content": "Other."},
    ]
    assert [(each["type"], each["toolName"]) for each in found["toolEvents"]] == [
        ("tool_call", "find_order"),
        ("tool_call", "refund"),
        ("tool_result", "find_order"),
        ("tool_error", "refund"),
    ]
    assert (found["toolEvents"][0]["args"], found["toolEvents"][2]["result"]) == ({"id": "7"}, "packed")
    assert found["toolEvents"][3]["error"] == "no"
    [judged] = found["evaluationEvents"]
    assert (judged["name"], judged["score"], judged["label"]) == ("polite?", 0.9, "yes")
    assert len(found["llmCalls"]) == 1


def test_a_session_is_one_trajectory_over_traces() -> None:
    other = "a" * 32
    session = {"session.id": "s-1", "gen_ai.conversation.id": "c-1"}
    found = record(
        span(1, "turn", session, ms=100),
        span(2, "turn", session, trace=other, start=START + 1000, error="lost"),
        span(3, "chat", GENAI | session, trace=other, parent=2),
    )
    assert found["trajectoryId"] == found["metadata"]["conversationId"] == "s-1"
    assert (found["status"], found["endTime"]) == ("error", START + 1100)
    assert found["llmCalls"][0]["executionTraceId"] == other
    assert [each.record["trajectoryId"] for each in mapped(span(1, "t", {"session.id": "x" * 513}))] == [
        TRACE
    ]
    by_resource = record(span(1, "t"), resource={"session.id": "s-2"})
    assert by_resource["trajectoryId"] == "s-2"


def test_agent_lightning_rewards() -> None:
    found = record(
        span(
            1,
            "agentlightning.annotation",
            {
                "agentlightning.reward.0.name": "correct",
                "agentlightning.reward.0.value": 0.75,
                "agentlightning.reward.1.name": "short",
                "agentlightning.reward.1.value": 1.0,
            },
        ),
        resource={"agentlightning.rollout_id": "r-1"},
    )
    assert found["trajectoryId"] == "r-1"
    assert (found["totalReward"], found["rewardComponents"]) == (0.75, {"correct": 0.75, "short": 1.0})


def test_only_a_request_over_the_network_starts_nothing() -> None:
    [found] = mapped(span(1, "GET /health", kind=2))
    assert found.only_ends
    assert mapped(span(1, "POST", kind=3, parent=2)) == []
    assert not mapped(span(1, "POST /chat", kind=2), span(2, "chat", GENAI, parent=1))[0].only_ends
    remote = span(1, "turn", parent=2, flags=0x301)
    assert record(remote)["status"] == "completed"


KNOWN = st.sampled_from(
    sorted({*GENAI, *STRUCTURED, *INDEXED, *OPENINFERENCE, *FLATTENED, "tag.tags", "metadata", "session.id"})
)


KINDS = st.sampled_from(["LLM", "TOOL", "RETRIEVER", "EVALUATOR", "AGENT", "RERANKER", "EMBEDDING", "?"])
SAID = st.tuples(st.sampled_from([name for name, _ in EVENTS]), st.dictionaries(KNOWN, VALUES, max_size=3))


@given(
    wild=st.dictionaries(KNOWN, VALUES, max_size=12),
    more=ATTRIBUTES,
    kind=KINDS,
    names=st.lists(SAID, max_size=3),
)
def test_wild_attributes_never_break_the_mapping(
    wild: Json, more: Json, kind: str, names: list[tuple[str, Json]]
) -> None:
    strange = span(2, "odd", {**more, **wild, "openinference.span.kind": kind}, events=names)
    found = mapped(span(1, "chat", GENAI | GENAI_MESSAGES, parent=9), strange)
    calls = [each for one in found for each in one.record.get("llmCalls", ())]
    assert span_id(1) in {each["callId"] for each in calls}
    for each in found:
        TrajectoryFragment.model_validate(each.record)


@given(st.dictionaries(KNOWN, st.text(max_size=30) | st.just("[" * 500) | st.just('{"a":' * 300), max_size=6))
def test_texts_that_only_look_like_json_stay_texts(wild: Json) -> None:
    for each in mapped(span(1, "odd", {"openinference.span.kind": "LLM"} | wild)):
        TrajectoryFragment.model_validate(each.record)
