"""Asks the reflection model for better instructions, on the account of the job, into its journal."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from whetstone.lm.errors import BudgetExhausted, LMError
from whetstone.lm.types import ChatRequest, Completer
from whetstone.optimize.engine.evaluation import InvalidEvaluationError
from whetstone.optimize.engine.journal import Journal
from whetstone.optimize.engine.ledger import Ledger


class UnusableReflectionError(InvalidEvaluationError):
    """The reflection model gives nothing that a search can work with: no answer, or no answer that may be tried."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """One answer of the reflection model; `text` is None where the call failed or the budget had ended."""

    text: str | None
    error: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    latency_ms: float = 0.0
    cached: bool = False

    @property
    def failed(self) -> bool:
        """Whether there is no text."""
        return self.text is None


class Proposer:
    """The reflection model of a job."""

    def __init__(self, client: Completer, journal: Journal, ledger: Ledger) -> None:
        self._client = client
        self._journal = journal
        self._ledger = ledger

    @property
    def model(self) -> str:
        """Name of the model that is asked."""
        return self._client.model

    async def ask(self, step: str, requests: Sequence[ChatRequest]) -> list[str | None]:
        """The answers to `requests`, asked at once; None where a call failed or the budget ended.

        Raises `UnusableReflectionError` when every call fails: the model cannot be used, and the step is not
        recorded.
        """
        replayed = self._journal.recorded(step) is not None

        async def gather() -> list[dict[str, Any]]:
            left = self._ledger.proposals_left()
            affordable = len(requests) if left is None else min(left, len(requests))
            found = list(await asyncio.gather(*(self._one(request) for request in requests[:affordable])))
            if found and all(proposal.error for proposal in found):
                raise UnusableReflectionError(f"The reflection model gave no answer: {found[0].error}")
            found += [Proposal(None)] * (len(requests) - affordable)
            return [asdict(proposal) for proposal in found]

        proposals = [Proposal(**item) for item in await self._journal.step(step, "proposals", gather)]
        asked = [proposal for proposal in proposals if proposal.text is not None or proposal.error]
        self._ledger.note("proposals", asked, replayed=replayed)
        return [proposal.text for proposal in proposals]

    async def _one(self, request: ChatRequest) -> Proposal:
        try:
            response = await self._ledger.complete("proposals", self._client, request)
        except BudgetExhausted:
            return Proposal(None)
        except LMError as error:
            return Proposal(None, error=error.message)
        return Proposal(
            response.text,
            prompt_tokens=response.usage.prompt_tokens,
            completion_tokens=response.usage.completion_tokens,
            latency_ms=response.latency_ms,
            cached=response.cached,
        )
