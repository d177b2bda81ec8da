"""Where right answers come from: a person's correction, verified success, a stronger teacher; else nowhere.

A recorded reward chooses and weights rows. It belongs to the answer that earned it, and never scores a new one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from whetstone.datasets.expected import answer_text
from whetstone.datasets.gold import prompt_hash
from whetstone.datasets.tasks import Task, get_task
from whetstone.errors import InvalidInputError
from whetstone.lm.errors import BudgetExhausted, LMError
from whetstone.lm.types import Completer
from whetstone.optimize.engine.evaluation import InvalidEvaluationError
from whetstone.optimize.engine.journal import Journal
from whetstone.optimize.engine.ledger import Ledger
from whetstone.optimize.engine.program import Candidate
from whetstone.optimize.metrics.types import Answer
from whetstone.optimize.rows.examples import Example

STEP = "teacher-gold"
"""Name of the step in the journal."""

_RECORDED = ("reward", "given")
_SHARE = 3


@dataclass(frozen=True, slots=True)
class SelfReference:
    """How many of `total` right answers the scored prompt and model gave themselves, and a sentence about it."""

    count: int
    total: int
    sentence: str | None


def self_reference(examples: Iterable[Example], prompt: str, model: str) -> SelfReference:
    """Detect right answers that `model` gave under `prompt`: scored against them, that prompt is near 1 by construction.

    Counted are recorded answers (those that a reward verified, and those of the user's own file) of rows that name
    the same model and have the same system prompt. `sentence` is None where there are none.
    """
    rows = list(examples)
    wanted, name = prompt_hash(prompt), _model_name(model)
    count = sum(
        row.gold in _RECORDED
        and row.model is not None
        and _model_name(row.model) == name
        and prompt_hash(row.system) == wanted
        for row in rows
    )
    if not count:
        return SelfReference(0, len(rows), None)
    return SelfReference(
        count,
        len(rows),
        f"{count} of {len(rows)} right answers were given by {model} under the very prompt that is to be improved. On "
        "these it scores near 1 by construction, and any other answer counts as wrong. Correct its wrong answers, "
        "reward only what succeeded, or let a stronger teacher answer the rows.",
    )


@dataclass(frozen=True, slots=True)
class TeacherGold:
    """Rows that the teacher answered, in the order in which they were asked, and what became of the others.

    `asked` counts answers, `refused` those that the task does not accept, `failed` calls without an answer.
    `stopped` says which limit ended it early.
    """

    examples: tuple[Example, ...]
    asked: int
    refused: int
    failed: int
    stopped: str | None

    @property
    def sentence(self) -> str:
        """What happened, for the person who started the job."""
        text = f"The teacher answered {self.asked} rows without a verified answer; {len(self.examples)} are used as right"
        text += f", {self.refused} are not answers that the task accepts" if self.refused else ""
        text += f", {self.failed} calls failed" if self.failed else ""
        return f"{text}. Scores on them say how far a prompt agrees with the teacher."


@dataclass(frozen=True, slots=True)
class _Taught:
    """One answer of the teacher and what it cost; `error` where there is none."""

    example: str
    text: str = ""
    tool_calls: tuple[Any, ...] = ()
    error: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    latency_ms: float = 0.0
    cached: bool = False

    @property
    def failed(self) -> bool:
        """Whether there is no answer."""
        return self.error is not None


async def teacher_gold(
    rows: Sequence[Example],
    task: str,
    teacher: Completer,
    journal: Journal,
    ledger: Ledger,
    *,
    task_model: str,
    baseline: str,
    width: int,
) -> TeacherGold:
    """Right answers for `rows` that have no verified one, from the teacher under each row's own prompt at T = 0.

    At most a third of the search's calls is spent, on the account `teacher`; the answers are one step of the
    journal. Raises `InvalidInputError` when the teacher is the task's own model and a row has the `baseline` as its
    prompt (that prompt would be judged by its own answers), and `InvalidEvaluationError` when the teacher gives no
    answer at all.
    """
    _refuse_own_model(rows, teacher.model, task_model, baseline)
    replayed = journal.recorded(STEP) is not None

    async def ask() -> dict[str, Any]:
        affordable = rows[: ledger.search_calls_left() // _SHARE]
        taught, stopped = await _Teaching(teacher, ledger).ask(affordable, width)
        if len(affordable) < len(rows) and stopped is None:
            stopped = "budget_calls"
        return {"answers": [asdict(each) for each in taught], "stopped": stopped}

    recorded = await journal.step(STEP, "teacher-gold", ask)
    taught = [_Taught(**item) for item in recorded["answers"]]
    ledger.note("teacher", taught, replayed=replayed)
    by_id = {row.id: row for row in rows}
    answered = [each for each in taught if not each.failed]
    made = [_taught_row(by_id[each.example], get_task(task), each) for each in answered]
    examples = tuple(example for example in made if example is not None)
    return TeacherGold(
        examples, len(answered), len(made) - len(examples), len(taught) - len(answered), recorded["stopped"]
    )


def _refuse_own_model(rows: Sequence[Example], teacher: str, task_model: str, baseline: str) -> None:
    own = sum(prompt_hash(row.system) == prompt_hash(baseline) for row in rows)
    if own and _model_name(teacher) == _model_name(task_model):
        raise InvalidInputError(
            f"The teacher {teacher} is the model whose prompt is to be improved, and {own} of {len(rows)} rows have "
            "that prompt: it would be judged by its own answers. Set WHETSTONE_TEACHER_LM_MODEL to a stronger model, "
            "or send corrections"
        )


class _Teaching:
    """The teacher at work, `width` rows at a time."""

    def __init__(self, teacher: Completer, ledger: Ledger) -> None:
        self._teacher = teacher
        self._ledger = ledger
        self._found: dict[int, _Taught] = {}
        self._stopped: str | None = None

    async def ask(self, rows: Sequence[Example], width: int) -> tuple[list[_Taught], str | None]:
        """The answers in the order of `rows`, and the limit that ended them early."""
        queue = iter(enumerate(rows))
        async with asyncio.TaskGroup() as group:
            for _ in range(min(width, len(rows))):
                group.create_task(self._work(queue, width))
        answers = [self._found[place] for place in sorted(self._found)]
        if answers and all(each.failed for each in answers):
            raise InvalidEvaluationError(f"The teacher gave no answer: {answers[0].error}")
        return answers, self._stopped

    async def _work(self, queue: Iterator[tuple[int, Example]], width: int) -> None:
        for place, row in queue:
            failing = len(self._found) >= width and all(each.failed for each in self._found.values())
            if failing or self._stopped is not None:
                return
            try:
                self._found[place] = await self._answer(row)
            except BudgetExhausted as error:
                self._stopped = f"budget_{error.limit}"

    async def _answer(self, row: Example) -> _Taught:
        request = Candidate(row.system).request(row)
        try:
            response = await self._ledger.complete("teacher", self._teacher, request)
        except LMError as error:
            return _Taught(row.id, error=error.message)
        return _Taught(
            row.id,
            response.text.strip(),
            tuple(dict(call) for call in response.tool_calls),
            prompt_tokens=response.usage.prompt_tokens,
            completion_tokens=response.usage.completion_tokens,
            latency_ms=response.latency_ms,
            cached=response.cached,
        )


def _taught_row(row: Example, task: Task, taught: _Taught) -> Example | None:
    """`row` with the teacher's answer as its right one; None where the task cannot learn from it."""
    answer = answer_text(taught.text, taught.tool_calls)
    if not answer.strip() or not task.accepts(answer, {}):
        return None
    return replace(
        row,
        expected=Answer(taught.text, taught.tool_calls),
        gold="teacher",
        reward=None,  # it was the recorded answer's
        label=task.label(answer),
    )


def _model_name(model: str) -> str:
    """A model's name without its provider's: `openai/gpt-x` and `GPT-x` are the same."""
    return model.strip().casefold().rsplit("/", 1)[-1]
