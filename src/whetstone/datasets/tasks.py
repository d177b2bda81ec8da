"""Tasks, and the one mapping from an LLM call to the tasks that its row teaches (contract §10.1, §10.2).

The mapping, in order:

1. A `purpose` that names a task, else a `stepType` that does, decides alone; where both are silent, so does the
   first of `metadata.purpose`, `metadata.stepType`, `metadata.callKind`, the model type, the action type and the
   tags that names one. `runtime.useModel` and `action` are what capture fills in, and name nothing.
2. Where nothing is named, the shape of the answer (or of the prompt) decides.
3. Any other call with an answer is a `response`.

A task of a user's own is asked in every case, beside what the rules above say: `register_task(Task(...))`, or an
entry point in the group `whetstone.tasks` that loads to a `Task`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Any

import structlog

from whetstone.datasets import answers
from whetstone.errors import InvalidInputError
from whetstone.trajectories.input.inference import normalize

Call = Mapping[str, Any]
"""An LLM call of a trajectory document, with the keys of contract §4.3."""

ENTRY_POINT_GROUP = "whetstone.tasks"
_log = structlog.get_logger(__name__)
_TASK_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


def no_label(_expected: str) -> str | None:
    """Label of tasks whose answers are free text: none."""
    return None


@dataclass(frozen=True, slots=True)
class Task:
    """Something that an agent's model is asked to do, and can be taught to do better.

    `name` is lower case with underscores; it names files. `matches(call)` says whether a call is of this task;
    `accepts(expected, call)` whether the expected answer is one that the task can learn from (tool calls without
    text come as the JSON `{"toolCalls": […]}`); `label(expected)` its class, by which splits are stratified, or
    None for free text; `metric` names the metric that scores answers.
    """

    name: str
    matches: Callable[[Call], bool]
    accepts: Callable[[str, Call], bool]
    label: Callable[[str], str | None] = no_label
    metric: str = "text"


TASKS: dict[str, Task] = {}
"""Registered tasks by name; `task_names` and `get_task` also load the entry points."""

_ALIASES = {
    "shouldrespond": "should_respond",
    "response_handler": "should_respond",
    "message_handler": "should_respond",
    "planner": "action_planner",
    "reply": "response",
    "message_response": "response",
    "image_description": "media_description",
    "describe_media": "media_description",
    "describe_image": "media_description",
    "describe_audio": "media_description",
    "describe_video": "media_description",
}


def register_task(task: Task) -> None:
    """Add a task; raises ValueError for a name that is taken or cannot be part of a file name."""
    if not _TASK_NAME.fullmatch(task.name):
        msg = f"a task's name is lower-case letters, digits and underscores, not {task.name!r}"
        raise ValueError(msg)
    if task.name in TASKS:
        msg = f"a task named {task.name!r} is registered already"
        raise ValueError(msg)
    TASKS[task.name] = task


def task_names() -> list[str]:
    """Names of all tasks: the five of the contract first, then those that users registered."""
    _load_entry_points()
    return list(TASKS)


def get_task(name: str) -> Task:
    """The task of that name; raises `InvalidInputError` that lists the known ones."""
    _load_entry_points()
    try:
        return TASKS[name]
    except KeyError:
        raise InvalidInputError(f"task must be one of: {', '.join(TASKS)}") from None


def tasks_of(call: Call) -> list[str]:
    """The tasks whose datasets get a row from `call`; empty for an unnamed call without an answer."""
    _load_entry_points()
    named = named_task(call)
    found = []
    for task in TASKS.values():
        shape = _SHAPES.get(task.name)
        if shape is None:
            matching = task.name == named or task.matches(call)
        else:
            # What `matches` says of a built-in task, without asking for the name again.
            matching = task.name == named if named is not None else shape(call)
        if matching:
            found.append(task.name)
    if not found and answer_text(call):
        return ["response"]
    return found


def named_task(call: Call) -> str | None:
    """The task that the call's own labels name; None when they are silent."""
    for hint in _hints(call):
        name = normalize(hint.replace(":", "_"))
        name = _ALIASES.get(name, name)
        if name in TASKS:
            return name
    return None


def answer_text(call: Call) -> str:
    """The recorded answer, else the correction of it; of tool calls without text, the word that says so."""
    correction = call.get("correction")
    corrected = correction.get("text") if isinstance(correction, Mapping) else correction
    text = call.get("response") or corrected
    if isinstance(text, str) and text.strip():
        return text
    return "toolCalls" if _tool_calls(call) else ""


def _hints(call: Call) -> Iterator[str]:
    metadata = call.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    values: list[Any] = [call.get("purpose"), call.get("stepType")]
    values += [metadata.get(key) for key in ("purpose", "stepType", "step_type", "callKind")]
    values += [call.get("modelType"), call.get("modelSlot"), metadata.get("modelType")]
    values += [metadata.get("model_type"), call.get("actionType")]
    tags = call.get("tags")
    values += tags if isinstance(tags, list) else []
    return (value for value in values if isinstance(value, str))


def _tool_calls(call: Call) -> Any:
    correction = call.get("correction")
    return call.get("toolCalls") or (isinstance(correction, Mapping) and correction.get("toolCalls"))


_SHAPES: dict[str, Callable[[Call], bool]] = {}
"""How calls of the contract's tasks look, by the name of the task."""


def _built_in(name: str, shape: Callable[[Call], bool]) -> Callable[[Call], bool]:
    """Matcher of a task of the contract: its name decides, its shape only where nothing is named."""

    def matches(call: Call) -> bool:
        named = named_task(call)
        return named == name if named is not None else shape(call)

    _SHAPES[name] = shape
    return matches


def _looks_like_routing(call: Call) -> bool:
    return answers.routes_context(answer_text(call))


def _looks_like_decision(call: Call) -> bool:
    text = answer_text(call)
    return answers.is_handler_answer(text) or (
        answers.routes_context(text) and answers.decision(text) is not None
    )


def _looks_like_plan(call: Call) -> bool:
    if _looks_like_decision(call) or _looks_like_routing(call):
        return False
    if _tool_calls(call) or answers.plans_action(answer_text(call)):
        return True
    prompt = call.get("userPrompt") or call.get("prompt")
    prompt = prompt.lower() if isinstance(prompt, str) else ""
    return bool(answer_text(call)) and ("available actions" in prompt or "actionnames" in prompt)


def _never(_call: Call) -> bool:
    return False


def _accepts_decision(expected: str, _call: Call) -> bool:
    return answers.decision(expected) is not None


def _accepts_routing(expected: str, call: Call) -> bool:
    # The contract asks for decision JSON alone, which answers in the line and tag notations never are:
    # an answer that names a context can be learnt from, whatever its notation.
    return _accepts_decision(expected, call) or answers.context(expected) is not None


def _accepts_text(expected: str, _call: Call) -> bool:
    return bool(expected.strip())


def _routing_label(expected: str) -> str | None:
    return answers.context(expected) or answers.decision(expected)


for _task in (
    Task(
        "should_respond",
        _built_in("should_respond", _looks_like_decision),
        _accepts_decision,
        answers.decision,
        "decision",
    ),
    Task(
        "context_routing",
        _built_in("context_routing", _looks_like_routing),
        _accepts_routing,
        _routing_label,
        "routing",
    ),
    Task(
        "action_planner",
        _built_in("action_planner", _looks_like_plan),
        _accepts_text,
        answers.action_name,
        "action",
    ),
    Task("response", _built_in("response", _never), _accepts_text),
    Task("media_description", _built_in("media_description", _never), _accepts_text),
):
    register_task(_task)

CONTRACT_TASKS = tuple(TASKS)
"""The five tasks that every dataset has a file for (contract §10.4)."""


@cache
def _load_entry_points() -> None:
    for point in entry_points(group=ENTRY_POINT_GROUP):
        try:
            register_task(point.load())
        except Exception:
            # A broken extension must not stop the service; its task is missing and the log says why.
            _log.exception("task not loaded", entry_point=point.name)
