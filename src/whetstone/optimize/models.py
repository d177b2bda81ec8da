"""The language models of a job, by role, and what their tokens cost."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Protocol, Self

from whetstone.lm.client import LMClient
from whetstone.lm.prices import Prices
from whetstone.lm.types import Completer
from whetstone.lm_settings import Role
from whetstone.optimize.engine.ledger import Purpose, Tariff
from whetstone.settings import Settings

ROLES: Mapping[Purpose, Role] = {
    "search": "task",
    "gate": "task",
    "teacher": "teacher",
    "proposals": "reflection",
    "judge": "judge",
}
"""Which model does what a job spends on."""


class Models(Protocol):
    """The models of a job. `width` bounds the calls in flight of each."""

    width: int

    def client(self, role: Role) -> Completer:
        """The model that plays `role`."""
        ...

    def tariff(self, role: Role) -> Tariff | None:
        """What the model of `role` costs; None if no price is known."""
        ...


class ConfiguredModels:
    """The models that the settings name; roles with the same model share a client. An async context manager."""

    def __init__(self, settings: Settings) -> None:
        self.width = settings.lm_width
        self._settings = settings
        self._prices = Prices.from_settings(settings)
        self._stack = AsyncExitStack()
        self._clients: dict[Role, LMClient] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def client(self, role: Role) -> Completer:
        """The client of `role`, opened on first use."""
        if role != "task" and self._settings.lm_role(role) == self._settings.lm_role("task"):
            return self.client("task")
        if role not in self._clients:
            client = LMClient.from_settings(self._settings, role=role)
            self._stack.push_async_callback(client.close)
            self._clients[role] = client
        return self._clients[role]

    def tariff(self, role: Role) -> Tariff | None:
        """What the model of `role` costs; None if no price is known."""
        model = self.client(role).model
        if self._prices.cost(model, 0, 0) is None:
            return None
        return lambda prompt, completion: self._prices.cost(model, prompt, completion) or 0.0
