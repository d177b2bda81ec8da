"""A row before it is tokenised: its conversation in one form, whatever file it came from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import orjson

from whetstone.datasets.near_duplicates import text_hash
from whetstone.datasets.reader import CHAT_BOUNDARY
from whetstone.datasets.split import SIDES, Side, SplitRow
from whetstone.datasets.tasks import TASKS, get_task
from whetstone.finetune.data.messages import Chat, answer_message, normal_tools, request_chat
from whetstone.finetune.data.template import Learn, Tools
from whetstone.finetune.spec import FineTuneSpec

DEFAULT_TASK = "response"


@dataclass(frozen=True, slots=True)
class Material:
    """A question and its answers: one for sft and kto (`desirable` is kto's label), chosen and rejected for dpo.

    `group` holds rows together when sides are chosen; `side` is None where the file says none.
    """

    id: str
    task: str
    group: str
    side: Side | None
    question: Chat
    tools: Tools
    answers: tuple[dict[str, Any], ...]
    learn: Learn
    desirable: bool | None
    row: dict[str, Any]

    @property
    def question_text(self) -> str:
        """The question without system prompts, for finding near-duplicates."""
        return "\n".join(message["content"] for message in self.question if message["role"] != "system")

    def split_row(self) -> SplitRow:
        """What splitting needs to know."""
        answers = orjson.dumps([self.answers, self.desirable], option=orjson.OPT_NON_STR_KEYS).decode()
        label = get_task(self.task).label(self.answers[0]["content"])
        return SplitRow(self.task, label, True, text_hash(self.question_text, answers))


def from_native(row: Mapping[str, Any], spec: FineTuneSpec) -> Material:
    """The material of an `eliza_native_v1` row for sft."""
    learn: Learn = "all" if row.get("boundary") == CHAT_BOUNDARY else "last"
    metadata = _metadata(row)
    return Material(
        id=_identifier(row, metadata),
        task=_task(metadata.get("task_type"), spec),
        group=_group(row, metadata),
        side=_side(metadata.get("split")),
        question=request_chat(row["request"]),
        tools=normal_tools(row["request"].get("tools")),
        answers=(answer_message(row["response"]),),
        learn=learn if spec.train_on == "auto" else spec.train_on,
        desirable=None,
        row=dict(row),
    )


def from_preference(row: Mapping[str, Any], spec: FineTuneSpec) -> Iterable[Material]:
    """What a `whetstone_preference_v1` row gives: a pair for dpo, each known side alone for kto."""
    chosen, rejected = row.get("chosen"), row.get("rejected")
    if spec.method == "dpo":
        if chosen and rejected:
            yield _preferred(row, spec, (chosen, rejected), None)
        return
    for answer, desirable in ((chosen, True), (rejected, False)):
        if answer:
            made = _preferred(row, spec, (answer,), desirable)
            yield replace(made, id=f"{made.id}:{'chosen' if desirable else 'rejected'}")


def _preferred(
    row: Mapping[str, Any],
    spec: FineTuneSpec,
    answers: tuple[Mapping[str, Any], ...],
    desirable: bool | None,
) -> Material:
    identifier, group = _identifier(row, row), _group(row, row)
    task = _task(row.get("task"), spec)
    # An answer that is not wanted must not look like the right one to who reads the row.
    metadata = {"task_type": task, "verified": desirable is not False, "group": group}
    native = {
        "format": "eliza_native_v1",
        "schemaVersion": 1,
        "trajectoryId": row.get("trajectoryId"),
        "callId": identifier,
        "request": row["request"],
        "response": answers[0],
        "metadata": metadata | ({"split": row["split"]} if row.get("split") else {}),
    }
    return Material(
        id=identifier,
        task=task,
        group=group,
        side=_side(row.get("split")),
        question=request_chat(row["request"]),
        tools=normal_tools(row["request"].get("tools")),
        answers=tuple(answer_message(answer) for answer in answers),
        learn="last",
        desirable=desirable,
        row=native,
    )


def _metadata(row: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = row.get("metadata")
    return metadata if isinstance(metadata, Mapping) else {}


def _identifier(row: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
    return str(row.get("callId") or metadata.get("call_id") or "row")


def _group(row: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
    return str(metadata.get("group") or row.get("trajectoryId") or _identifier(row, metadata))


def _side(value: Any) -> Side | None:
    return cast("Side", value) if value in SIDES else None


def _task(named: Any, spec: FineTuneSpec) -> str:
    """The row's task where it names one that exists; else the one asked for, or plain answers."""
    return named if isinstance(named, str) and named in TASKS else spec.task or DEFAULT_TASK
