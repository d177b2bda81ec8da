"""Both encodings of OTLP/HTTP give the same spans, and nothing that is sent breaks them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otlp_conventions import ATTRIBUTES
from otlp_requests import TRACE, pairs, protobuf, request, span, span_id
from whetstone.errors import InvalidInputError
from whetstone.trajectories.otlp.otlp_json import decode_json
from whetstone.trajectories.otlp.protobuf import decode_protobuf, partial_success, status_message


@given(attributes=ATTRIBUTES, resource=ATTRIBUTES, parent=st.booleans(), failed=st.booleans())
def test_both_encodings_say_the_same(
    attributes: dict[str, Any], resource: dict[str, Any], parent: bool, failed: bool
) -> None:
    body = request(
        span(
            7,
            "work",
            attributes,
            parent=3 if parent else None,
            error="broken" if failed else None,
            events=[("exception", attributes)],
        ),
        resource=resource,
    )
    sent = orjson.loads(orjson.dumps(body))
    [from_json], [from_protobuf] = decode_json(sent).spans, decode_protobuf(protobuf(body)).spans
    assert from_json == from_protobuf
    assert from_json.failed is failed
    assert from_json.parent_id == (span_id(3) if parent else None)
    assert from_json.duration_ms == 100


def test_ids_that_are_none_reject_their_span_alone() -> None:
    good = span(1)
    for members in ({"traceId": "00" * 16}, {"traceId": "ab"}, {"spanId": "00" * 8}, {"spanId": "abcd"}):
        body = request(good, span(2) | members)
        for decoded in (decode_json(body), decode_protobuf(protobuf(body))):
            assert [each.span_id for each in decoded.spans] == [span_id(1)]
            assert decoded.rejected == 1
            assert "must be" in decoded.reason
    for wrong in (None, 7, "xyz", ["a"]):
        assert decode_json(request(span(2) | {"traceId": wrong})).rejected == 1


def test_json_accepts_upper_case_ids_and_plain_numbers_and_ignores_what_it_does_not_know() -> None:
    body = request(span(255) | {"traceId": TRACE.upper(), "startTimeUnixNano": 5_000_000, "future": {"a": 1}})
    [found] = decode_json(body).spans
    assert (found.trace_id, found.start_ms) == (TRACE, 5)
    assert decode_json({}).spans == []
    assert decode_json({"resourceSpans": None}).spans == []


@pytest.mark.parametrize(
    "body", [{"resourceSpans": 1}, {"resourceSpans": [1]}, {"resourceSpans": [{"scopeSpans": {}}]}]
)
def test_json_of_another_shape_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="must be an array of objects"):
        decode_json(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = [*span(1), "flags"]


@given(changes=st.dictionaries(st.sampled_from(NAMES), JSON, max_size=5), value=JSON)
def test_a_span_of_wild_members_keeps_no_other_out(changes: dict[str, Any], value: Any) -> None:
    strange = span(2) | changes
    strange["attributes"] = [*pairs({"a": 1}), {"key": "b", "value": value}, value]
    decoded = decode_json(request(span(1), strange, span(3)))
    assert {span_id(1), span_id(3)} <= {each.span_id for each in decoded.spans}
    assert len(decoded.spans) + decoded.rejected == 3


def test_bytes_that_are_no_request_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="ExportTraceServiceRequest"):
        decode_protobuf(b"\xff\xff\xff\xff")
    assert decode_protobuf(b"").spans == []


def test_answers_are_the_messages_of_the_protocol() -> None:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    assert partial_success(0, "") == b""
    answer = ExportTraceServiceResponse.FromString(partial_success(3, "why"))
    assert (answer.partial_success.rejected_spans, answer.partial_success.error_message) == (3, "why")
    status_pb2 = pytest.importorskip("google.rpc.status_pb2")
    long = "ü" * 200
    status = status_pb2.Status.FromString(status_message(300, long))
    assert (status.code, status.message) == (300, long)
