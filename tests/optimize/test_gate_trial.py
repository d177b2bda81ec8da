"""The gate in a job: which rows it asks, how often, and what it reports."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from whetstone.lm.errors import LMError
from whetstone.lm.types import ChatRequest, ChatResponse, Usage, content_text
from whetstone.optimize.engine.evaluation import Evaluation, InvalidEvaluationError, RowResult
from whetstone.optimize.engine.evaluator import Evaluator
from whetstone.optimize.engine.journal import Journal
from whetstone.optimize.engine.ledger import Ledger
from whetstone.optimize.engine.program import Candidate
from whetstone.optimize.gate.trial import Terms, Verdict, hold, on_test
from whetstone.optimize.metrics import Answer
from whetstone.optimize.metrics.scorer import MetricScorer
from whetstone.optimize.metrics.types import Score
from whetstone.optimize.optimizer import SearchContext, SearchResult
from whetstone.optimize.reporter import Progress
from whetstone.optimize.rows.examples import Example
from whetstone.optimize.spec import BudgetLimits, NativeSpec

OLD = Candidate("Answer. " + "Take your time and think of everything. " * 5)
NEW = Candidate("Answer well.")

Model = Callable[[str, int, int], bool]
"""Whether a prompt's answer to a row, in a repeat, is right."""


def examples(split: str, count: int) -> tuple[Example, ...]:
    return tuple(
        Example(
            f"{split}-{row}",
            f"{split}-group-{row}",
            "",
            ({"role": "user", "content": f"{split} {row}"},),
            Answer("yes"),
            "given",
        )
        for row in range(count)
    )


VALIDATION, TEST = examples("validation", 20), examples("test", 40)


class Scripted:
    """A model that answers by a rule, and keeps what it was asked."""

    model = "scripted"

    def __init__(self, right: Model) -> None:
        self._right = right
        self.asked: list[tuple[str, str, int]] = []

    async def complete(self, request: ChatRequest) -> ChatResponse:
        """The answer, and a note of the question."""
        prompt, question = (content_text(message.get("content")) for message in request.messages)
        self.asked.append((prompt, question, request.repeat))
        right = self._right(prompt, int(question.split()[1]), request.repeat)
        return ChatResponse("yes" if right else "no", (), Usage(5, 1), "stop", self.model, 1)


@dataclass
class Silent:
    """A reporter without listeners."""

    def progress(self, fraction: float, phase: str, message: str, **extra: Any) -> None:
        """Nobody is told."""

    def log(self, message: str, **extra: Any) -> None:
        """Nobody is told."""


@dataclass
class World:
    """What the gate needs of a job."""

    spec: NativeSpec
    validation: tuple[Example, ...]
    journal: Journal
    ledger: Ledger
    progress: Progress


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    async with Journal(tmp_path / "journal.jsonl", {}) as opened:
        yield opened


def evaluated(candidate: Candidate, right: int) -> Evaluation:
    rows = tuple(RowResult(each.id, float(index < right)) for index, each in enumerate(VALIDATION))
    return Evaluation(candidate, rows, len(rows))


def found(best: Candidate, right: int, incumbent_right: int = 10) -> SearchResult:
    return SearchResult(evaluated(best, right), evaluated(OLD, incumbent_right), "search", 3, "completed")


async def held(
    journal: Journal, model: Scripted, result: SearchResult, *, calls: int = 1000, **options: Any
) -> Verdict:
    spec = NativeSpec(job_id="j", job_dir=Path("j"), dataset_id="d", dataset_dir=Path("d"), **options)
    ledger = Ledger(BudgetLimits(), search_calls=0, gate_calls=calls, width=4, tariffs={"gate": None})
    ledger.open_gate()
    scorer = MetricScorer("same", lambda expected, given: Score(float(expected.text == given.text), ""))
    evaluator = Evaluator(model, scorer, journal, ledger, width=4)
    context = World(spec, VALIDATION, journal, ledger, Progress(Silent()))
    return await hold(cast("SearchContext", context), result, TEST, evaluator)


async def test_both_prompts_answer_each_test_row_once(journal: Journal) -> None:
    model = Scripted(lambda prompt, row, _repeat: prompt == NEW.prompt or row % 2 == 0)
    verdict = await held(journal, model, found(NEW, 20))
    assert (verdict.decision, verdict.evaluated_on, verdict.promote) == ("promoted", "test", True)
    assert Counter(model.asked) == Counter(
        (candidate.prompt, f"test {row}", 0) for candidate in (OLD, NEW) for row in range(40)
    )
    assert (verdict.score, verdict.baseline_score) == (1.0, 0.5)
    assert verdict.rows[1] == {"id": "test-1", "incumbent": 0.0, "candidate": 1.0}
    assert "test 1" not in json.dumps(verdict.to_dict()) + json.dumps(verdict.rows)


async def test_repeats_of_a_row_are_averaged_and_paired(journal: Journal) -> None:
    model = Scripted(lambda prompt, row, repeat: prompt == NEW.prompt or repeat == row % 2)
    verdict = await held(journal, model, found(NEW, 20), repeats=2)
    assert len(model.asked) == len(set(model.asked)) == 2 * 2 * 40
    assert (verdict.gate.n, verdict.gate.groups) == (40, 40)
    assert {row["incumbent"] for row in verdict.rows} == {0.5}
    assert verdict.gate.delta == pytest.approx(0.5)
    assert verdict.gate.tokens == (OLD.tokens(), NEW.tokens())


def test_a_repeat_that_failed_for_one_prompt_counts_for_neither() -> None:
    incumbent = [RowResult("test-0", 1.0), RowResult("test-0", 0.0, repeat=1), RowResult("test-1", 0.0)]
    candidate = [RowResult("test-0", 1.0), RowResult("test-0", None, repeat=1), RowResult("test-1", 1.0)]
    tested = {
        prompt.id: Evaluation(prompt, tuple(rows), len(rows))
        for prompt, rows in ((OLD, incumbent), (NEW, candidate))
    }
    verdict = on_test(Terms(), found(NEW, 20), TEST, tested)
    assert verdict.rows == [
        {"id": "test-0", "incumbent": 1.0, "candidate": 1.0},
        {"id": "test-1", "incumbent": 0.0, "candidate": 1.0},
    ]


async def test_where_the_search_found_nothing_else_no_test_row_is_asked(journal: Journal) -> None:
    model = Scripted(lambda *_: True)
    verdict = await held(journal, model, found(OLD, 10))
    assert model.asked == []
    assert (verdict.decision, verdict.evaluated_on, verdict.promote) == ("rejected", "validation", False)
    assert verdict.explanation == (
        "kept: nothing better than today's prompt was found; the test rows were not used"
    )


async def test_a_prompt_that_validation_shows_to_be_worse_sees_no_test_row(journal: Journal) -> None:
    model = Scripted(lambda *_: True)
    verdict = await held(journal, model, found(NEW, 2, incumbent_right=18))
    assert model.asked == []
    assert (verdict.decision, verdict.evaluated_on) == ("rejected", "validation")
    assert verdict.explanation.startswith("rejected: -0.80 on 20 validation rows already, 95 % interval -0.9")


async def test_when_the_budget_ends_nothing_is_promised(journal: Journal) -> None:
    model = Scripted(lambda prompt, _row, _repeat: prompt == NEW.prompt)
    verdict = await held(journal, model, found(NEW, 20), calls=50)
    assert len(model.asked) == 50
    assert (verdict.decision, verdict.stopped) == ("inconclusive", "budget_calls")
    assert verdict.gate.decision == "promoted", "on validation it looks better"
    assert (verdict.promote, verdict.score, verdict.baseline_score) == (False, None, None)
    assert verdict.to_dict()["promote"] is False
    assert verdict.to_dict()["optimistic"] is True
    assert "after 50 of 80 calls" in verdict.explanation


async def test_the_validation_score_is_named_and_marked_and_is_not_the_score(journal: Journal) -> None:
    model = Scripted(lambda prompt, row, _repeat: row % 2 == 0 if prompt == NEW.prompt else row % 4 == 0)
    verdict = await held(journal, model, found(NEW, 19))
    document = verdict.to_dict()
    assert document["validation"]["candidate"] == pytest.approx(0.95)
    assert document["validation"]["selectedOn"] is True
    assert document["validation"]["note"].startswith("optimistic")
    assert verdict.score == document["candidateScore"] == pytest.approx(0.5)
    assert document["optimistic"] is False
    assert verdict.explanation.endswith(
        "Validation, by which the candidate was chosen, had shown +0.45, which is optimistic"
    )
    assert document["foresight"]["rows"] == 40
    assert document["foresight"]["basis"] == "validation"


async def test_a_shorter_prompt_that_is_as_good_is_promoted_only_where_that_was_asked_for(
    journal: Journal,
) -> None:
    model = Scripted(lambda *_: True)
    verdict = await held(journal, model, found(NEW, 10))
    assert (verdict.decision, verdict.promote) == ("inconclusive", False)
    verdict = await held(journal, model, found(NEW, 10), equivalence_margin=0.1)
    assert (verdict.decision, verdict.promote) == ("equivalent_shorter", True)
    assert verdict.to_dict()["promote"] is True


async def test_an_endpoint_that_fails_gives_no_verdict(journal: Journal) -> None:
    class Failing(Scripted):
        async def complete(self, request: ChatRequest) -> ChatResponse:
            if content_text(request.messages[0].get("content")) == NEW.prompt:
                raise LMError("overloaded")
            return await super().complete(request)

    with pytest.raises(InvalidEvaluationError, match="overloaded"):
        await held(journal, Failing(lambda *_: True), found(NEW, 20))
