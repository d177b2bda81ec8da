"""Which text of an agent a failing row calls for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from whetstone.optimize.engine.evaluation import RowResult
from whetstone.optimize.engine.program import PROMPT, Candidate, prompt_component, tool_component
from whetstone.optimize.evolution.members import Member
from whetstone.optimize.rows.examples import Example

_TOOL = tool_component("")


def uses(example: Example, component: str, candidate: Candidate, result: RowResult | None) -> bool:
    """Whether `component` has a part in how `example` is answered.

    A tool's description has one where the right answer calls the tool, or the given answer or its feedback names it.
    """
    if component.startswith(_TOOL):
        name = component.removeprefix(_TOOL)
        offered = any(_name(tool) == name for tool in example.tools or ())
        said = "" if result is None else f"{result.answer}\n{result.feedback}"
        return offered and (name in map(_name, example.expected.tool_calls) or name in said)
    own = prompt_component(example.system)
    return component == (own if own in candidate.texts() else PROMPT)


def choose_component(
    member: Member, failures: Sequence[Example], results: Mapping[str, RowResult]
) -> tuple[str, list[Example]]:
    """The component to improve next and the failures that call for it.

    Components take turns over the generations; among those whose turn it is, the one with the most failures.
    """
    candidate = member.candidate
    concerned = {
        name: [row for row in failures if uses(row, name, candidate, results.get(row.id))]
        for name in candidate.texts()
    }
    possible = [name for name, rows in concerned.items() if rows]
    if not possible:
        return PROMPT, list(failures)
    chosen = min(possible, key=lambda name: (member.tried[name], -len(concerned[name])))
    return chosen, concerned[chosen]


def describe(component: str) -> str:
    """The component in words, for the reflection model and for people."""
    if component == PROMPT:
        return "the agent's system prompt"
    if component.startswith(_TOOL):
        return f"the description of the tool '{component.removeprefix(_TOOL)}'"
    return "one of the agent's system prompts"


def _name(tool: Mapping[str, Any]) -> str:
    """Name of a tool or a call, in OpenAI's form or flat."""
    function = tool.get("function")
    inner = function if isinstance(function, Mapping) else tool
    return str(inner.get("name") or inner.get("toolName") or "")
