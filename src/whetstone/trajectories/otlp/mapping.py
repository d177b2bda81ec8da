"""Trajectories from spans, by rules that do not depend on which spans arrive together, or in what order.

* A trajectory is a session where the span (or its resource) names one, else a trace. Its id is the session's id, or
  the trace's in hex.
* A call, a provider access and a tool event belong to the step whose id is that of the span right above them,
  whatever that span is; without one, their own.
* Agents, chains and the application's own spans describe the step with their id. Requests over a network that say
  nothing about the agent are left out, but for those at the root.
* A root span ends the trajectory; of several, as a session has, the last one counts.
* A span without a purpose of its own takes the name of the span above it, where that is a well-known purpose and
  both come in one request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from whetstone.trajectories.input.coercion import MAX_IDENTIFIER
from whetstone.trajectories.input.inference import STEP_PURPOSES, normalize
from whetstone.trajectories.otlp import parts
from whetstone.trajectories.otlp.attributes import Attributes, Json, parsed, small, text
from whetstone.trajectories.otlp.calls import llm_call
from whetstone.trajectories.otlp.genai import with_details
from whetstone.trajectories.otlp.kinds import Kind, kind_of
from whetstone.trajectories.otlp.spans import Span

SOURCE = "otel"
"""`source` of a trajectory whose spans name none in `whetstone.source`."""

_SESSION = (
    "session.id",
    "gen_ai.conversation.id",
    "traceloop.association.properties.session_id",
    "agentlightning.rollout_id",
)
_USER = ("user.id", "enduser.id", "traceloop.association.properties.user_id")
_AGENT = ("gen_ai.agent.name", "agent.name")
_ENVIRONMENT = ("deployment.environment.name", "deployment.environment")
# Of a resource: what identifies machines and processes says nothing about the agent.
_NO_METADATA = ("telemetry.", "process.", "host.", "os.", "container.", "k8s.", "cloud.", "service.instance")
_NO_SERVICE = "unknown_service"
# Purposes by which calls are sorted into tasks.
_PURPOSES = STEP_PURPOSES | {"context_routing", "action_planner", "media_description"}


@dataclass(slots=True)
class Mapped:
    """What a request says about one trajectory, as a `TrajectoryFragment` on the wire, and from how many spans.

    `only_ends` is true when nothing is known but that a request over the network was answered: no reason to start
    a trajectory.
    """

    record: Json
    spans: int = 0
    only_ends: bool = True
    last_end: tuple[int, bool] = (0, False)
    events: dict[str, list[Json]] = field(default_factory=dict)


def trajectories(spans: Sequence[Span]) -> list[Mapped]:
    """The news in `spans`, one entry a trajectory, in the order of their first spans."""
    found: dict[str, Mapped] = {}
    resources: dict[int, Json] = {}
    names = {(span.trace_id, span.span_id): span.name for span in spans}
    for span in spans:
        attributes = Attributes(
            with_details(span.attributes, span.events) if span.events else span.attributes
        )
        kind = kind_of(span, attributes)
        if kind is Kind.EMBEDDING or (kind is Kind.NETWORK and not span.is_root):
            continue
        session = _session(span, attributes)
        identifier = session or span.trace_id
        mapped = found.get(identifier)
        if mapped is None:
            mapped = found[identifier] = Mapped(_start(identifier, session))
        mapped.spans += 1
        if id(span.resource) not in resources:
            resources[id(span.resource)] = _resource(span.resource)
        _describe(mapped, span, attributes, resources[id(span.resource)])
        above = names.get((span.trace_id, span.parent_id)) if span.parent_id else None
        _add(
            mapped, span, attributes, kind, purpose=_purpose(span.name, above), in_session=session is not None
        )
    for mapped in found.values():
        mapped.record.setdefault("source", SOURCE)
        for name, events in mapped.events.items():
            mapped.record[name] = sorted(events, key=lambda event: str(event["id"]))
    return list(found.values())


def _add(
    mapped: Mapped, span: Span, attributes: Attributes, kind: Kind, *, purpose: str | None, in_session: bool
) -> None:
    record = mapped.record
    if kind is Kind.LLM:
        call = llm_call(span, attributes, purpose=purpose, in_session=in_session)
        record.setdefault("llmCalls", []).append(call)
    elif kind is Kind.RETRIEVAL:
        record.setdefault("providerAccesses", []).append(parts.access(span, attributes))
    elif kind is Kind.TOOL:
        mapped.events.setdefault("toolEvents", []).extend(parts.tool_events(span, attributes))
    elif kind is not Kind.EVALUATION:
        record.setdefault("steps", []).append(parts.step(span, attributes))
    judged = parts.evaluations(span, attributes, evaluator=kind is Kind.EVALUATION)
    if judged:
        mapped.events.setdefault("evaluationEvents", []).extend(judged)
    mapped.only_ends = mapped.only_ends and kind is Kind.NETWORK


def _ends(mapped: Mapped, span: Span) -> bool:
    """Whether the span ends the trajectory, later than those that were seen before; the end is then noted."""
    end = (span.end, span.failed)
    if not (span.is_root and span.end and end > mapped.last_end):
        return False
    mapped.last_end = end
    mapped.record["endTime"] = span.end_ms
    mapped.record["status"] = "error" if span.failed else "completed"
    return True


def _start(identifier: str, session: str | None) -> Json:
    record: Json = {"trajectoryId": identifier}
    if session is not None:
        record["metadata"] = {"conversationId": session}
    return record


def _describe(mapped: Mapped, span: Span, attributes: Attributes, resource: Json) -> None:
    """Add what the span says about the trajectory: the word of the last end counts, else the first word."""
    record, last = mapped.record, _ends(mapped, span)
    metadata: Json = record.setdefault("metadata", {})
    if last or "traceId" not in record:
        record["traceId"] = span.trace_id
        _overlay(metadata, resource["metadata"], over=last)
    source = attributes.get("whetstone.source") or span.resource.get("whetstone.source")
    agent = resource["agent"] or attributes.get(*_AGENT)
    said = {name: text(value) for name, value in (("source", source), ("agentId", agent)) if value}
    _overlay(record, said, over=last)
    if (user := attributes.get(*_USER)) is not None:
        _overlay(metadata, {"user.id": text(user)}, over=last)
    given = parsed(attributes.get("metadata"))
    if isinstance(given, dict):
        _overlay(metadata, {str(name): value for name, value in given.items()}, over=last)
    tags = parsed(attributes.get("tag.tags"))
    if isinstance(tags, list):
        known = record.setdefault("tags", [])
        known += [tag for tag in tags if tag not in known]
    _reward(record, attributes)


def _overlay(target: Json, said: Json, *, over: bool) -> None:
    """Add `said`; what is known already stands, unless `over`."""
    for name, value in said.items():
        if over or name not in target:
            target[name] = value


def _reward(record: Json, attributes: Attributes) -> None:
    components = parts.reward_components(attributes)
    if components:
        record.setdefault("rewardComponents", {}).update(components)
        record["totalReward"] = next(iter(components.values()))
    if (reward := attributes.get("whetstone.reward")) is not None:
        record["totalReward"] = reward


def _resource(resource: Mapping[str, Any]) -> Json:
    name = text(resource.get("service.name"))
    if not name or name.startswith(_NO_SERVICE):
        name = text(resource.get("openinference.project.name"))
    metadata = small(resource, ("service.name", "whetstone.source", *_SESSION, *_ENVIRONMENT), _NO_METADATA)
    environment = next((resource[key] for key in _ENVIRONMENT if resource.get(key)), None)
    if environment is not None:
        metadata["deployment.environment"] = text(environment)
    return {"agent": name, "metadata": metadata}


def _session(span: Span, attributes: Attributes) -> str | None:
    """The session that the span names, else its resource; one that cannot be an id counts as absent."""
    value = attributes.get(*_SESSION)
    if value is None:
        value = next((span.resource[name] for name in _SESSION if span.resource.get(name)), None)
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    session = str(value)
    return session if session.strip() and len(session) <= MAX_IDENTIFIER else None


@lru_cache(maxsize=4_096)
def _purpose(*names: str | None) -> str | None:
    """The first of the names of a span and the one above it that is a well-known purpose."""
    wanted = (normalize(name) for name in names if name)
    return next((name for name in wanted if name in _PURPOSES), None)
