"""An agent that is traced by a real instrumentation and exporter, run as a program of its own by the tests.

`python otlp_agent.py <instrumentation> <model's base URL>`: one turn with a tool, one streamed call, one failure.
Where spans go is said by the variables of the OpenTelemetry SDK (`OTEL_EXPORTER_OTLP_ENDPOINT`, …).
"""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Any

import openai
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

MODEL = "gpt-x"
TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": "find_order",
            "description": "Find an order",
            "parameters": {"type": "object", "properties": {"id": {"type": "string"}}},
        },
    }
]


def instrument(name: str, provider: TracerProvider) -> None:
    if name == "genai":
        from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

        OpenAIInstrumentor().instrument(tracer_provider=provider)
    elif name == "openllmetry":
        from opentelemetry.instrumentation.openai import OpenAIInstrumentor as OpenLLMetry

        OpenLLMetry().instrument(tracer_provider=provider)
    else:
        from openinference.instrumentation.openai import OpenAIInstrumentor as OpenInference

        OpenInference().instrument(tracer_provider=provider)


def turn(client: openai.OpenAI, tracer: trace.Tracer) -> None:
    messages: list[Any] = [
        {"role": "system", "content": "You are a clerk."},
        {"role": "user", "content": "Where is order 7?"},
    ]
    with tracer.start_as_current_span("agent turn"):
        first = client.chat.completions.create(
            model=MODEL, messages=messages, tools=TOOLS, temperature=0.3, top_p=0.9, max_tokens=64
        )
        messages.append(first.choices[0].message.model_dump(exclude_none=True))
        attributes = {
            "openinference.span.kind": "TOOL",
            "tool.name": "find_order",
            "input.value": '{"id": "7"}',
        }
        with tracer.start_as_current_span("find_order", attributes=attributes) as tool:
            found = json.dumps({"state": "packed"})
            tool.set_attribute("output.value", found)
        messages.append({"role": "tool", "tool_call_id": "call_1", "content": found})
        client.chat.completions.create(model=MODEL, messages=messages, tools=TOOLS)
    with tracer.start_as_current_span("streamed turn"):
        stream = client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "Tell me more."}],
            stream=True,
            stream_options={"include_usage": True},
        )
        for _ in stream:
            pass
    with contextlib.suppress(openai.NotFoundError):
        client.chat.completions.create(
            model="no-such-model", messages=[{"role": "user", "content": "Hello?"}]
        )


def main() -> None:
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    instrument(sys.argv[1], provider)
    client = openai.OpenAI(base_url=sys.argv[2], api_key="none", max_retries=0)
    turn(client, provider.get_tracer("otlp_agent"))
    provider.shutdown()


if __name__ == "__main__":
    main()
