"""The trace export of OpenTelemetry (OTLP/HTTP): its JSON request, and its answer."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from whetstone.api.models.base import WireModel, wire_config


def _texts(**attributes: str) -> list[dict[str, Any]]:
    return [{"key": name, "value": {"stringValue": value}} for name, value in attributes.items()]


_EXAMPLE = {
    "resourceSpans": [
        {
            "resource": {"attributes": _texts(**{"service.name": "my-agent"})},
            "scopeSpans": [
                {
                    "spans": [
                        {
                            "traceId": "5b8efff798038103d269b633813fc60c",
                            "spanId": "eee19b7ec3c1b174",
                            "name": "chat gpt-x",
                            "kind": 3,
                            "startTimeUnixNano": "1760000000100000000",
                            "endTimeUnixNano": "1760000000520000000",
                            "attributes": _texts(
                                **{
                                    "gen_ai.operation.name": "chat",
                                    "gen_ai.request.model": "gpt-x",
                                    "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"Hi"}]}]',
                                    "gen_ai.output.messages": (
                                        '[{"role":"assistant","parts":[{"type":"text","content":"Hello!"}],'
                                        '"finish_reason":"stop"}]'
                                    ),
                                }
                            ),
                        }
                    ]
                }
            ],
        }
    ]
}
# An ExportTraceServiceRequest; its parts are those of opentelemetry-proto.
TRACES: dict[str, Any] = {
    "type": "object",
    "properties": {"resourceSpans": {"type": "array", "items": {"type": "object"}}},
    "examples": [_EXAMPLE],
}


class PartialSuccess(WireModel):
    """What the service did not store of a request, or a word of warning."""

    model_config = wire_config(
        {"rejectedSpans": "1", "errorMessage": "a traceId must be 16 bytes, not all zero"}
    )

    rejected_spans: str = Field("0", description="Number of refused spans, a 64-bit integer as text.")
    error_message: str = Field("", description="Why.")


class TracesExported(WireModel):
    """An ExportTraceServiceResponse. Without `partialSuccess` every span was taken; do not send them again."""

    model_config = wire_config({})

    partial_success: PartialSuccess | None = None
