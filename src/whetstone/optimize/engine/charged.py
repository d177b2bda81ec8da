"""A language model whose calls go on the account of a job."""

from __future__ import annotations

from whetstone.lm.types import ChatRequest, ChatResponse, Completer
from whetstone.optimize.engine.evaluation import RowResult
from whetstone.optimize.engine.ledger import Ledger, Purpose


class Charged:
    """`client`, with room reserved for each request and its cost booked under `purpose`."""

    def __init__(self, client: Completer, ledger: Ledger, purpose: Purpose) -> None:
        self._client = client
        self._ledger = ledger
        self._purpose = purpose

    @property
    def model(self) -> str:
        """Name of the model that answers."""
        return self._client.model

    async def complete(self, request: ChatRequest) -> ChatResponse:
        """The answer; raises what the client raises, and `BudgetExhausted`."""
        response = await self._ledger.complete(self._purpose, self._client, request)
        usage = response.usage
        spent = RowResult(
            "",
            0.0,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            latency_ms=response.latency_ms,
            cached=response.cached,
        )
        self._ledger.note(self._purpose, [spent])
        return response
