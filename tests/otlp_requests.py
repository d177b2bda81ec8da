"""Requests of spans, as an exporter would write them, in both encodings of OTLP/HTTP."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

Json = dict[str, Any]

TRACE = "5b8efff798038103d269b633813fc60c"
START = 1_760_000_000_000
RESOURCE = {"service.name": "desk"}


def span_id(number: int) -> str:
    return f"{number:016x}"


def span(
    number: int,
    name: str = "work",
    attributes: Mapping[str, Any] | None = None,
    *,
    parent: int | None = None,
    trace: str = TRACE,
    start: int = START,
    ms: float = 100,
    kind: int = 1,
    error: str | None = None,
    events: Sequence[tuple[str, Mapping[str, Any]]] = (),
    **members: Any,
) -> Json:
    """A span of OTLP/JSON; `start` in milliseconds since the epoch."""
    return {
        "traceId": trace,
        "spanId": span_id(number),
        **({} if parent is None else {"parentSpanId": span_id(parent)}),
        "name": name,
        "kind": kind,
        "startTimeUnixNano": str(start * 1_000_000),
        "endTimeUnixNano": str(start * 1_000_000 + int(ms * 1_000_000)),
        "attributes": pairs(attributes or {}),
        "events": [
            {"name": named, "timeUnixNano": str(start * 1_000_000), "attributes": pairs(said)}
            for named, said in events
        ],
        "status": {"code": 0} if error is None else {"code": 2, "message": error},
        **members,
    }


def request(*spans: Json, resource: Mapping[str, Any] = RESOURCE) -> Json:
    """An ExportTraceServiceRequest of OTLP/JSON."""
    return {
        "resourceSpans": [
            {"resource": {"attributes": pairs(resource)}, "scopeSpans": [{"scope": {}, "spans": list(spans)}]}
        ]
    }


def pairs(attributes: Mapping[str, Any]) -> list[Json]:
    return [{"key": key, "value": value_of(value)} for key, value in attributes.items()]


def value_of(value: Any) -> Json:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        infinite = {math.inf: "Infinity", -math.inf: "-Infinity"}
        return {"doubleValue": infinite.get(value, value)}
    if isinstance(value, bytes):
        return {"bytesValue": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": pairs(value)}}
    if isinstance(value, (list, tuple)):
        return {"arrayValue": {"values": [value_of(item) for item in value]}}
    return {} if value is None else {"stringValue": value}


def protobuf(body: Json) -> bytes:
    """The same request in protobuf."""
    message = ExportTraceServiceRequest()
    for group in body["resourceSpans"]:
        resource_spans = message.resource_spans.add()
        _fill(resource_spans.resource.attributes, group["resource"]["attributes"])
        for scope in group["scopeSpans"]:
            scope_spans = resource_spans.scope_spans.add()
            for each in scope["spans"]:
                _add_span(scope_spans.spans.add(), each)
    return bytes(message.SerializeToString())


def _add_span(target: Any, given: Json) -> None:
    target.trace_id = bytes.fromhex(given["traceId"])
    target.span_id = bytes.fromhex(given["spanId"])
    target.parent_span_id = bytes.fromhex(given.get("parentSpanId", ""))
    target.name = given["name"]
    target.kind = given["kind"]
    target.flags = given.get("flags", 0)
    target.start_time_unix_nano = int(given["startTimeUnixNano"])
    target.end_time_unix_nano = int(given["endTimeUnixNano"])
    target.status.code = given["status"]["code"]
    target.status.message = given["status"].get("message", "")
    _fill(target.attributes, given["attributes"])
    for event in given["events"]:
        added = target.events.add(name=event["name"], time_unix_nano=int(event["timeUnixNano"]))
        _fill(added.attributes, event["attributes"])


def _fill(target: Any, given: list[Json]) -> None:
    for pair in given:
        _set(target.add(key=pair["key"]).value, pair["value"])


def _set(target: AnyValue, given: Json) -> None:
    for kind, value in given.items():
        if kind == "arrayValue":
            target.array_value.SetInParent()
            for item in value["values"]:
                _set(target.array_value.values.add(), item)
        elif kind == "kvlistValue":
            target.kvlist_value.SetInParent()
            _fill(target.kvlist_value.values, value["values"])
        elif kind == "intValue":
            target.int_value = int(value)
        elif kind == "bytesValue":
            target.bytes_value = base64.b64decode(value)
        elif kind == "doubleValue":
            target.double_value = float(value)
        else:
            setattr(target, {"stringValue": "string_value"}.get(kind, "bool_value"), value)
