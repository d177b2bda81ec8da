"""The traffic as OTLP/HTTP export requests: one OpenInference AGENT span a trajectory and one LLM span a call."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable

from benchmarks.store.traffic import Call, Trajectory
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

_NANOS = 1_000_000


def request(trajectories: Iterable[Trajectory]) -> tuple[bytes, int]:
    """A gzipped export request with all spans of `trajectories`, and the number of spans."""
    message = ExportTraceServiceRequest()
    resource = message.resource_spans.add()
    resource.resource.attributes.append(_attribute("service.name", "benchmark"))
    spans = resource.scope_spans.add().spans
    for trajectory in trajectories:
        trace = hashlib.md5(trajectory.id.encode(), usedforsecurity=False).digest()
        root = trace[:8]
        for place, call in enumerate(trajectory.calls):
            spans.append(_llm_span(call, trace, root, place))
        spans.append(_root_span(trajectory, trace, root))
    return gzip.compress(message.SerializeToString(), 1), len(spans)


def _root_span(trajectory: Trajectory, trace: bytes, root: bytes) -> Span:
    failed = trajectory.status == "error"
    return Span(
        trace_id=trace,
        span_id=root,
        name="agent",
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=trajectory.start * _NANOS,
        end_time_unix_nano=trajectory.end * _NANOS,
        attributes=[_attribute("openinference.span.kind", "AGENT")],
        status=Status(code=Status.STATUS_CODE_ERROR if failed else Status.STATUS_CODE_OK),
    )


def _llm_span(call: Call, trace: bytes, root: bytes, place: int) -> Span:
    attributes: dict[str, str | int] = {
        "openinference.span.kind": "LLM",
        "llm.model_name": call.model,
        "llm.input_messages.0.message.role": "system",
        "llm.input_messages.0.message.content": call.system,
        "llm.input_messages.1.message.role": "user",
        "llm.input_messages.1.message.content": call.prompt,
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": call.response,
        "llm.token_count.prompt": call.prompt_tokens,
        "llm.token_count.completion": call.completion_tokens,
        "llm.token_count.total": call.prompt_tokens + call.completion_tokens,
        "llm.invocation_parameters": '{"temperature": 0.7, "max_tokens": 512}',
        # What instrumentations send beside the messages, and what peers show and search.
        "input.value": call.prompt,
        "output.value": call.response,
    }
    return Span(
        trace_id=trace,
        span_id=root[:6] + place.to_bytes(2, "big"),
        parent_span_id=root,
        name=call.purpose,
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=call.timestamp * _NANOS,
        end_time_unix_nano=(call.timestamp + call.latency_ms) * _NANOS,
        attributes=[_attribute(key, value) for key, value in attributes.items()],
        status=Status(code=Status.STATUS_CODE_OK),
    )


def _attribute(key: str, value: str | int) -> KeyValue:
    if isinstance(value, int):
        return KeyValue(key=key, value=AnyValue(int_value=value))
    return KeyValue(key=key, value=AnyValue(string_value=value))
