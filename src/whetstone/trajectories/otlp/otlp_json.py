"""Spans from an `ExportTraceServiceRequest` in JSON, by the rules of OTLP/JSON.

Trace and span ids are hex (not base64), 64-bit integers may be texts, enumerations are numbers, names are in
lowerCamelCase, and unknown names are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from whetstone.errors import InvalidInputError
from whetstone.trajectories.otlp.spans import Decoded, Span, SpanEvent

_TRACE_ID = re.compile(r"(?!0{32})[0-9a-fA-F]{32}")
_SPAN_ID = re.compile(r"(?!0{16})[0-9a-fA-F]{16}")
_MAX_NANOSECONDS = 2**64
_MAX_DIGITS = 20
_SCALARS = ("stringValue", "boolValue", "bytesValue")


def decode_json(body: dict[str, Any]) -> Decoded:
    """The spans in `body`. Raises InvalidInputError when its lists are not lists of objects."""
    decoded = Decoded()
    for group in _objects(body, "resourceSpans"):
        resource = _attributes(_object(group.get("resource")).get("attributes"))
        for scope in _objects(group, "scopeSpans"):
            for message in _objects(scope, "spans"):
                trace_id, span_id = message.get("traceId"), message.get("spanId")
                if not isinstance(trace_id, str) or not _TRACE_ID.fullmatch(trace_id):
                    decoded.reject("a traceId must be 32 hexadecimal digits, not all zero")
                elif not isinstance(span_id, str) or not _SPAN_ID.fullmatch(span_id):
                    decoded.reject("a spanId must be 16 hexadecimal digits, not all zero")
                else:
                    decoded.spans.append(_span(message, trace_id.lower(), span_id.lower(), resource))
    return decoded


def _objects(owner: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    items = owner.get(name)
    if items is None:
        return
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise InvalidInputError(f"'{name}' must be an array of objects")
    yield from items


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _span(message: dict[str, Any], trace_id: str, span_id: str, resource: dict[str, Any]) -> Span:
    parent, status = message.get("parentSpanId"), _object(message.get("status"))
    events = message.get("events")
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=parent.lower() if isinstance(parent, str) and _SPAN_ID.fullmatch(parent) else None,
        name=_text(message.get("name")),
        kind=_whole(message.get("kind")),
        start=_whole(message.get("startTimeUnixNano")),
        end=_whole(message.get("endTimeUnixNano")),
        attributes=_attributes(message.get("attributes")),
        resource=resource,
        events=tuple(_event(event) for event in events if isinstance(event, dict))
        if isinstance(events, list)
        else (),
        status=_whole(status.get("code")),
        status_message=_text(status.get("message")),
        flags=_whole(message.get("flags")),
    )


def _event(event: dict[str, Any]) -> SpanEvent:
    moment = _whole(event.get("timeUnixNano")) // 1_000_000
    return SpanEvent(_text(event.get("name")), moment, _attributes(event.get("attributes")))


def _attributes(pairs: Any) -> dict[str, Any]:
    if not isinstance(pairs, list):
        return {}
    return {
        pair["key"]: _value(pair.get("value"))
        for pair in pairs
        if isinstance(pair, dict) and isinstance(pair.get("key"), str)
    }


def _value(value: Any) -> Any:
    if not isinstance(value, dict):
        return None
    for name in _SCALARS:
        if name in value:
            scalar = value[name]
            return scalar if isinstance(scalar, (str, bool, int, float)) else None
    if "intValue" in value:
        return _signed(value["intValue"])
    if "doubleValue" in value:
        return _double(value["doubleValue"])
    if "arrayValue" in value:
        items = _object(value["arrayValue"]).get("values")
        return [_value(item) for item in items] if isinstance(items, list) else []
    if "kvlistValue" in value:
        return _attributes(_object(value["kvlistValue"]).get("values"))
    return None


def _signed(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    if isinstance(value, str) and len(value) > _MAX_DIGITS:
        return None
    try:
        return int(value)
    except ValueError:
        return None


def _double(value: Any) -> float | None:
    """A number, also as text: NaN and the infinities have no other form."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _whole(value: Any) -> int:
    """A number from 0 to 2^64-1, also as text; anything else counts as 0."""
    number = _signed(value)
    return number if number is not None and 0 <= number < _MAX_NANOSECONDS else 0


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
