"""Spans from an `ExportTraceServiceRequest` in protobuf, and the answers in protobuf.

Source: opentelemetry-proto, `collector/trace/v1/trace_service.proto` and `trace/v1/trace.proto`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

from whetstone.errors import InvalidInputError
from whetstone.trajectories.otlp.spans import Decoded, Span, SpanEvent

_TRACE_ID, _SPAN_ID = 16, 8
_NO_TRACE, _NO_SPAN = bytes(_TRACE_ID), bytes(_SPAN_ID)


def decode_protobuf(body: bytes) -> Decoded:
    """The spans in `body`. Raises InvalidInputError when it is not such a message."""
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        raise InvalidInputError("The body is not an OTLP ExportTraceServiceRequest in protobuf") from None
    decoded = Decoded()
    for group in request.resource_spans:
        resource = _attributes(group.resource.attributes)
        for scope in group.scope_spans:
            for message in scope.spans:
                trace_id, span_id = message.trace_id, message.span_id
                if len(trace_id) != _TRACE_ID or trace_id == _NO_TRACE:
                    decoded.reject("a traceId must be 16 bytes, not all zero")
                elif len(span_id) != _SPAN_ID or span_id == _NO_SPAN:
                    decoded.reject("a spanId must be 8 bytes, not all zero")
                else:
                    decoded.spans.append(_span(message, trace_id.hex(), span_id.hex(), resource))
    return decoded


def partial_success(rejected: int, message: str) -> bytes:
    """An `ExportTraceServiceResponse`; empty when there is nothing to say."""
    if not rejected and not message:
        return b""
    partial = ExportTracePartialSuccess(rejected_spans=rejected, error_message=message)
    return bytes(ExportTraceServiceResponse(partial_success=partial).SerializeToString())


def status_message(code: int, message: str) -> bytes:
    """A `google.rpc.Status` with its fields `code` (1) and `message` (2)."""
    text = message.encode()
    return b"\x08" + _varint(code) + b"\x12" + _varint(len(text)) + text


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _span(message: SpanMessage, trace_id: str, span_id: str, resource: dict[str, Any]) -> Span:
    parent = message.parent_span_id
    status = message.status
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=parent.hex() if parent and parent.strip(b"\0") else None,
        name=message.name,
        kind=message.kind,
        start=message.start_time_unix_nano,
        end=message.end_time_unix_nano,
        attributes=_attributes(message.attributes),
        resource=resource,
        events=tuple(
            SpanEvent(event.name, event.time_unix_nano // 1_000_000, _attributes(event.attributes))
            for event in message.events
        ),
        status=status.code,
        status_message=status.message,
        flags=message.flags,
    )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    for pair in pairs:
        value = pair.value
        # Most values are texts, and asking for one is cheaper than asking for its type.
        attributes[pair.key] = value.string_value or _value(value)
    return attributes


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return _attributes(value.kvlist_value.values)
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    return getattr(value, kind)
