"""Scripted worlds for prompt-evolution: a task model that follows the rules its prompt states, and a model that reads
failures and writes prompts. Both run in the process, on a real journal, ledger, evaluator and guard."""

from __future__ import annotations

import asyncio
import hashlib
import random
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from optimize_world import Recorder
from whetstone.lm.types import ChatRequest, ChatResponse, Usage
from whetstone.optimize.engine.evaluator import Evaluator
from whetstone.optimize.engine.guards import Guard
from whetstone.optimize.engine.journal import Journal
from whetstone.optimize.engine.ledger import Ledger
from whetstone.optimize.engine.program import Candidate
from whetstone.optimize.engine.proposals import Proposer
from whetstone.optimize.metrics import Answer
from whetstone.optimize.metrics.scorer import MetricScorer
from whetstone.optimize.metrics.types import Score
from whetstone.optimize.optimizer import BestSoFar, SearchContext
from whetstone.optimize.reporter import Progress
from whetstone.optimize.rows.examples import Example
from whetstone.optimize.spec import BudgetLimits, EvolutionOptions, NativeSpec

RULES = ("amber", "birch", "cedar", "daisy", "ember", "fjord", "glade", "heron", "ivory", "jumper")
START = "You sort parcels."
_NO_LIMITS = BudgetLimits()
Reply = Callable[[ChatRequest], str]


def parcels(
    count: int,
    purpose: str,
    *,
    rules: Sequence[str] = RULES,
    most: int = 3,
    seed: int = 0,
    system: str = START,
    tools: tuple[dict[str, Any], ...] | None = None,
) -> tuple[Example, ...]:
    """Rows that each need one of the rules, or up to `most` of them."""
    rng = random.Random(f"{purpose}/{seed}")
    made = []
    for number in range(count):
        wanted = sorted(rng.sample(rules, min(1 + number % most, len(rules))))
        made.append(
            Example(
                id=f"{purpose}-{number}",
                group=f"{purpose}-{number}",
                system=system,
                messages=({"role": "user", "content": f"{purpose} {number}: {' '.join(wanted)}"},),
                expected=Answer(f"sorted {' '.join(wanted)}"),
                gold="correction",
                label=wanted[0],
                tools=tools,
            )
        )
    return tuple(made)


def judge(expected: Answer, given: Answer) -> Score:
    """Right or wrong; the feedback is what the agent lacked, as it said itself."""
    right = given.text == expected.text
    return Score(float(right), "right" if right else f"wrong: {given.text}")


def follows_rules(request: ChatRequest) -> str:
    """Answers a row whose rules all stand in the prompt; else names the first that it lacks."""
    system, asked = str(request.messages[0]["content"]), str(request.messages[-1]["content"])
    wanted = asked.split(": ")[1].split()
    missing = [rule for rule in wanted if f"RULE {rule}" not in system]
    return f"no rule for {missing[0]}" if missing else f"sorted {' '.join(wanted)}"


def question(request: ChatRequest) -> str:
    """What the reflection model is asked."""
    return str(request.messages[-1]["content"])


def current_text(asked: str) -> str:
    """The text that is to be improved."""
    found = re.search(r"^The current text:\n```\n(.*?)\n```", asked, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found.group(1)


def proposal(text: str, hypothesis: str = "a rule is missing") -> str:
    """An answer in the form that was asked for."""
    return f"Hypothesis: {hypothesis}\n```\n{text}\n```"


def adds_a_rule(request: ChatRequest) -> str:
    """Adds the rule that the first failure lacks; of several texts, joins their rules; from scratch, knows nothing."""
    asked = question(request)
    if "Version 1:" in asked:
        rules = list(dict.fromkeys(re.findall(r"RULE \w+", asked)))
        return proposal("\n".join([START, *rules]))
    if "The current text:" not in asked:
        return proposal(f"{START} Carefully.")
    missing = re.findall(r"no rule for (\w+)", asked)
    return proposal(f"{current_text(asked)}\nRULE {missing[0]}", f"the rule {missing[0]} is missing")


def hinted(share: float) -> Reply:
    """A reflection model of whose proposals only a share has the rule in it."""

    def reply(request: ChatRequest) -> str:
        asked = question(request)
        digest = int(hashlib.sha256(asked.encode()).hexdigest(), 16) % 1000
        if digest >= 1000 * share and "The current text:" in asked:
            return proposal(f"{current_text(asked)}\nTry harder: {digest}.", "it does not try hard enough")
        return adds_a_rule(request)

    return reply


class Model:
    """A scripted endpoint that answers by a function of the request and keeps what it was asked."""

    def __init__(self, reply: Reply, name: str) -> None:
        self.model = name
        self.requests: list[ChatRequest] = []
        self._reply = reply

    async def complete(self, request: ChatRequest) -> ChatResponse:
        self.requests.append(request)
        await asyncio.sleep(0)
        text = self._reply(request)
        tokens = sum(len(str(message["content"])) for message in request.messages) // 4 + 1
        return ChatResponse(text, (), Usage(tokens, len(text) // 4 + 1), "stop", self.model, 1)


class World:
    """One world: its rows and the two models."""

    def __init__(
        self,
        task: Reply = follows_rules,
        reflection: Reply = adds_a_rule,
        *,
        train: Sequence[Example] = parcels(60, "train"),
        validation: Sequence[Example] = parcels(60, "validation"),
        metric: Callable[..., Score] = judge,
    ) -> None:
        self.train, self.validation, self.metric = tuple(train), tuple(validation), metric
        self.task = Model(task, "task")
        self.reflection = Model(reflection, "reflection")
        self.recorder = Recorder()

    @asynccontextmanager
    async def context(
        self,
        folder: Path,
        *,
        calls: int = 600,
        start: Candidate | None = None,
        incumbent: Candidate | None = None,
        limits: BudgetLimits = _NO_LIMITS,
        evolution: EvolutionOptions | None = None,
        width: int = 16,
        **changes: Any,
    ) -> AsyncIterator[SearchContext]:
        """What the search is given."""
        start = start or Candidate(START)
        spec = NativeSpec(
            job_id="job",
            job_dir=folder,
            dataset_id="dataset",
            dataset_dir=folder,
            optimizer="prompt-evolution",
            budget=limits,
            evolution=evolution or EvolutionOptions(),
            **changes,
        )
        ledger = Ledger(limits, search_calls=calls, gate_calls=0, width=width, tariffs={})
        async with Journal(folder / "journal.jsonl", {"seed": spec.seed}) as journal:
            yield SearchContext(
                spec=spec,
                incumbent=incumbent or start,
                baseline=start.bare(),
                start=start,
                pool=self.train,
                train=self.train,
                validation=self.validation,
                room=8192,
                goal="A parcel is sorted right when all its rules are followed.",
                evaluator=Evaluator(
                    self.task, MetricScorer("rules", self.metric), journal, ledger, width=width
                ),
                proposer=Proposer(self.reflection, journal, ledger),
                guard=Guard((*self.train, *self.validation), max_tokens=2000, privacy=None),
                journal=journal,
                ledger=ledger,
                progress=Progress(self.recorder),
                best=BestSoFar(),
            )
