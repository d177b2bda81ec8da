"""The mapping from LLM calls to tasks, what tasks accept, and tasks of a user's own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from whetstone.datasets.tasks import TASKS, Task, get_task, register_task, task_names, tasks_of
from whetstone.errors import InvalidInputError

DECISION = '{"action":"RESPOND","contexts":["general"],"thought":"They ask me."}'
CAPTURE_DEFAULTS = {
    "purpose": "action",
    "actionType": "runtime.useModel",
    "stepType": "action",
    "tags": ["llm"],
}


@pytest.mark.parametrize(
    ("call", "tasks"),
    [
        # A purpose or step type decides alone, whatever the answer looks like.
        ({"purpose": "should_respond", "response": "plain words"}, ["should_respond"]),
        ({"purpose": "shouldRespond", "response": "x"}, ["should_respond"]),
        ({"purpose": "response", "response": DECISION}, ["response"]),
        ({"purpose": "response", "response": '{"actions":["REPLY"]}'}, ["response"]),
        ({"purpose": "action", "stepType": "action_planner", "response": "x"}, ["action_planner"]),
        ({"purpose": "response", "stepType": "should_respond", "response": "x"}, ["response"]),
        ({"purpose": "context_routing", "response": "primaryContext: wallet"}, ["context_routing"]),
        ({"purpose": "media_description", "response": "a cat"}, ["media_description"]),
        ({"purpose": "should_respond", "response": ""}, ["should_respond"]),
        # What capture fills in says nothing.
        ({**CAPTURE_DEFAULTS, "response": "Hello!"}, ["response"]),
        ({**CAPTURE_DEFAULTS, "response": ""}, []),
        # Other labels, where purpose and step type are silent.
        ({**CAPTURE_DEFAULTS, "modelType": "IMAGE_DESCRIPTION", "response": "a cat"}, ["media_description"]),
        ({**CAPTURE_DEFAULTS, "modelType": "RESPONSE_HANDLER", "response": "x"}, ["should_respond"]),
        (
            {**CAPTURE_DEFAULTS, "metadata": {"callKind": "actionPlanner"}, "response": "x"},
            ["action_planner"],
        ),
        # The shape, where nothing is named.
        ({**CAPTURE_DEFAULTS, "response": DECISION}, ["should_respond"]),
        ({**CAPTURE_DEFAULTS, "response": f"```json\n{DECISION}\n```"}, ["should_respond"]),
        ({"response": '{"messageHandler":{"action":"IGNORE"}}'}, ["should_respond"]),
        (
            {"response": '{"action":"RESPOND","primaryContext":"wallet"}'},
            ["should_respond", "context_routing"],
        ),
        ({"response": "primaryContext: wallet\nsecondaryContexts: social"}, ["context_routing"]),
        ({"response": "<primaryContext>wallet</primaryContext>"}, ["context_routing"]),
        ({"response": '{"action":"SEND_TOKENS","parameters":{}}'}, ["action_planner"]),
        ({"response": "thought: hm\nactions: REPLY"}, ["action_planner"]),
        ({"response": "", "toolCalls": [{"name": "search"}]}, ["action_planner"]),
        ({"response": "REPLY", "userPrompt": "# Available Actions\nREPLY, NONE"}, ["action_planner"]),
        ({"response": "Good morning"}, ["response"]),
        ({"response": "", "correction": {"text": "Good morning"}}, ["response"]),
        ({"response": "[1, 2]"}, ["response"]),
    ],
)
def test_one_mapping_from_call_to_tasks(call: dict[str, Any], tasks: list[str]) -> None:
    assert tasks_of(call) == tasks


@pytest.mark.parametrize(
    ("task", "expected", "accepted", "label"),
    [
        ("should_respond", '{"action":"IGNORE"}', True, "IGNORE"),
        ("should_respond", '{"messageHandler":{"action":"stop","contexts":[]}}', True, "STOP"),
        ("should_respond", '{"action":"DANCE"}', False, None),
        ("should_respond", '{"action":["RESPOND"]}', False, None),
        ("should_respond", "RESPOND", False, None),
        ("context_routing", '{"action":"RESPOND","contexts":["wallet"]}', True, "wallet"),
        ("context_routing", '{"action":"IGNORE"}', True, "IGNORE"),
        ("context_routing", "primaryContext: wallet", True, "wallet"),
        ("context_routing", "<primaryContext>social</primaryContext>", True, "social"),
        ("context_routing", "no idea", False, None),
        ("action_planner", '{"action":"PAY","parameters":{"to":"x"}}', True, "PAY"),
        ("action_planner", '{"toolCalls":[{"function":{"name":"pay","arguments":"{}"}}]}', True, "pay"),
        ("action_planner", '{"actions":[{"name":"PAY"}]}', True, "PAY"),
        ("action_planner", "thought: x\nactions: PAY, TELL", True, "PAY"),
        ("action_planner", "just text", True, None),
        ("response", "你好", True, None),
        ("media_description", " ", False, None),
    ],
)
def test_acceptance_and_label(task: str, expected: str, accepted: bool, label: str | None) -> None:
    assert get_task(task).accepts(expected, {}) is accepted
    assert get_task(task).label(expected) == label


@pytest.fixture
def _clean_registry() -> Iterator[None]:
    before = dict(TASKS)
    yield
    TASKS.clear()
    TASKS.update(before)


@pytest.mark.usefixtures("_clean_registry")
def test_a_task_of_ones_own_is_asked_beside_the_rules() -> None:
    def is_triage(call: Any) -> bool:
        return "inbox" in str(call.get("tags"))

    register_task(Task("inbox_triage", is_triage, lambda expected, _: bool(expected), metric="text"))
    assert tasks_of({"purpose": "response", "tags": ["inbox"], "response": "later"}) == [
        "response",
        "inbox_triage",
    ]
    assert tasks_of({"tags": ["inbox"], "response": "later"}) == ["inbox_triage"]
    assert tasks_of({"purpose": "inboxTriage", "response": '{"actions":["X"]}'}) == ["inbox_triage"]
    assert task_names()[-1] == "inbox_triage"


def test_tasks_come_from_entry_points_and_a_broken_one_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "extension.py").write_text(
        "from whetstone.datasets.tasks import Task\n"
        "haiku = Task('haiku', lambda call: False, lambda expected, call: True)\n"
    )
    metadata = tmp_path / "extension-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: extension\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(
        "[whetstone.tasks]\nbroken = absent:task\nhaiku = extension:haiku\n"
    )
    script = "from whetstone.datasets.tasks import task_names; print(task_names()[5:])"
    answer = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.splitlines()[-1] == "['haiku']"


@pytest.mark.usefixtures("_clean_registry")
@pytest.mark.parametrize("name", ["response", "../evil", "", "Upper", "a" * 65])
def test_names_that_are_taken_or_unsafe_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="task"):
        register_task(Task(name, lambda _: True, lambda *_: True))


def test_unknown_task_names_the_known_ones() -> None:
    with pytest.raises(InvalidInputError, match="should_respond, context_routing, action_planner"):
        get_task("nonsense")
