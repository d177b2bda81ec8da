"""What a span stands for."""

from __future__ import annotations

from enum import Enum

from whetstone.trajectories.otlp.attributes import Attributes, text
from whetstone.trajectories.otlp.spans import SPAN_KIND_INTERNAL, Span


class Kind(Enum):
    """The part of a trajectory that a span becomes."""

    LLM = "llm"
    STEP = "step"
    TOOL = "tool"
    RETRIEVAL = "retrieval"
    EVALUATION = "evaluation"
    EMBEDDING = "embedding"  # not stored (contract §4.5)
    NETWORK = "network"  # a request to or from another process, which says nothing about the agent


_OPENINFERENCE = {
    "LLM": Kind.LLM,
    "TOOL": Kind.TOOL,
    "RETRIEVER": Kind.RETRIEVAL,
    "RERANKER": Kind.RETRIEVAL,
    "EMBEDDING": Kind.EMBEDDING,
    "EVALUATOR": Kind.EVALUATION,
}
_OPERATIONS = {
    "chat": Kind.LLM,
    "text_completion": Kind.LLM,
    "generate_content": Kind.LLM,
    "embeddings": Kind.EMBEDDING,
    "execute_tool": Kind.TOOL,
    "retrieval": Kind.RETRIEVAL,
}
_REQUEST_TYPES = {
    "chat": Kind.LLM,
    "completion": Kind.LLM,
    "embedding": Kind.EMBEDDING,
    "rerank": Kind.RETRIEVAL,
}
# Attributes that only the call of a model has, for instrumentations that name no operation.
_CALL_MARKS = (
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.prompt",
    "gen_ai.completion",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
)


def kind_of(span: Span, attributes: Attributes) -> Kind:
    """What `span` stands for: OpenInference's word first, then GenAI's, then OpenLLMetry's, then a guess."""
    if kind := attributes.get("openinference.span.kind"):
        return _OPENINFERENCE.get(text(kind).upper(), Kind.STEP)
    if operation := attributes.get("gen_ai.operation.name"):
        return _OPERATIONS.get(text(operation), Kind.STEP)
    if request := attributes.get("llm.request.type"):
        return _REQUEST_TYPES.get(text(request), Kind.LLM)
    if entity := attributes.get("traceloop.span.kind"):
        return Kind.TOOL if entity == "tool" else Kind.STEP
    model = attributes.get("gen_ai.request.model", "gen_ai.response.model")
    if model and (attributes.get(*_CALL_MARKS) or attributes.has_list("gen_ai.prompt", "gen_ai.completion")):
        return Kind.LLM
    if attributes.has_list("agentlightning.reward"):
        return Kind.EVALUATION
    return Kind.STEP if span.kind <= SPAN_KIND_INTERNAL else Kind.NETWORK
