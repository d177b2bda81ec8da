"""What a job stands on before its first call: rows, the two prompts, the plan."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from whetstone.optimize.engine.journal import Journal
from whetstone.optimize.engine.ledger import Ledger
from whetstone.optimize.models import Models
from whetstone.optimize.plan import Plan, make_plan
from whetstone.optimize.rows.examples import Example
from whetstone.optimize.rows.gold import TeacherGold, self_reference, teacher_gold
from whetstone.optimize.rows.loading import LoadedRows, Reading, divide
from whetstone.optimize.scoring import metric_of
from whetstone.optimize.setting import Setting, Start, arrange, choose_start, room_of
from whetstone.optimize.spec import NativeSpec
from whetstone.privacy.gate import PrivacyGate
from whetstone.prompts.store import PromptStore
from whetstone.settings import Settings

TEACHER_CALLS = 900
"""Calls of which the teacher may use a third for right answers, where no limit is given."""


class Ground(NamedTuple):
    """What a job stands on."""

    rows: LoadedRows
    start: Start
    setting: Setting
    plan: Plan


@dataclass(frozen=True, slots=True)
class Preparation:
    """Makes the ground of one job; what depends on the moment is in the journal."""

    spec: NativeSpec
    settings: Settings
    reading: Reading
    store: PromptStore
    journal: Journal
    privacy: PrivacyGate
    models: Models

    async def run(self) -> Ground:
        """The ground. Raises `InvalidInputError` where there are too few rows or too small a budget."""
        rows = await self._divided()
        current = await asyncio.to_thread(self.store.current, rows.task)

        async def choose() -> dict[str, Any]:
            # Today's prompt, as it was when the job began: the job's own promotion must not become its rival.
            return choose_start(self.spec, rows, current).to_dict()

        start = Start.from_dict(await self.journal.step("start", "start", choose))
        return await asyncio.to_thread(self._ground, rows, start, self.models.client("task").model)

    def _ground(self, rows: LoadedRows, start: Start, model: str) -> Ground:
        """What follows from the rows and the two prompts; seconds of CPU for thousands of rows."""
        setting = arrange(self.spec, rows, start, room_of(self.spec, self.settings), self.privacy)
        everything = (*rows.train, *rows.validation, *rows.test)
        own = self_reference(everything, start.baseline.prompt, model)
        if own.sentence:
            setting = replace(setting, notes=(*setting.notes, own.sentence))
        metric = metric_of(self.spec, rows.task)
        return Ground(rows, start, setting, make_plan(self.spec, start, setting, metric))

    async def teach(self, ledger: Ledger) -> TeacherGold:
        """The teacher's answers to the rows without a verified one, on the account of `ledger`; asked once only."""
        reading, spec = self.reading, self.spec
        prompts = Counter(row.system for row in (*reading.verified, *reading.unverified))
        return await teacher_gold(
            reading.unverified,
            reading.task,
            self.models.client("teacher"),
            self.journal,
            ledger,
            task_model=self.models.client("task").model,
            baseline=spec.baseline or prompts.most_common(1)[0][0],
            width=self.models.width,
        )

    async def _divided(self) -> LoadedRows:
        """The rows by split; where it is asked for, with those that the teacher answers."""
        reading = self.reading
        taught: tuple[Example, ...] = ()
        if self.spec.teacher_gold and reading.unverified:
            found = await self.teach(self._provisional_ledger())
            taught = found.examples
            reading = replace(reading, notes=(*reading.notes, found.sentence))
        return await asyncio.to_thread(divide, reading, (*reading.verified, *taught), self.spec.seed)

    def _provisional_ledger(self) -> Ledger:
        """The account of the teacher's rows, which must be known before the job can be planned."""
        limit = self.spec.budget.max_calls
        return Ledger(
            self.spec.budget,
            search_calls=TEACHER_CALLS if limit is None else limit,
            gate_calls=0,
            width=self.models.width,
            tariffs={"teacher": self.models.tariff("teacher")},
        )
