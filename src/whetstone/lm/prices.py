"""What calls cost, in USD."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Self

from whetstone.lm.errors import LocalModelMissingError
from whetstone.lm.local import weights
from whetstone.lm_settings import LM_ROLES
from whetstone.settings import Settings

_PER_TOKENS = 1_000_000
_FREE = {"input": 0.0, "output": 0.0}


class Prices:
    """Prices by model name, as it is sent (`LMClient.model`): `{"input", "output"}` in USD per million tokens."""

    def __init__(self, table: Mapping[str, Mapping[str, float]]) -> None:
        self._table = table

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """The prices of WHETSTONE_LM_PRICES; the embedded model is free unless they say otherwise."""
        table: dict[str, Mapping[str, float]] = dict(settings.lm_prices)
        if any(settings.lm_role(role).provider == "local" for role in LM_ROLES):
            with contextlib.suppress(LocalModelMissingError):
                table.setdefault(weights(settings).stem, _FREE)
        return cls(table)

    def cost(self, model: str, prompt_tokens: int, completion_tokens: int) -> float | None:
        """USD for so many tokens; None when the model has no price."""
        price = self._table.get(model)
        if price is None:
            return None
        return (prompt_tokens * price["input"] + completion_tokens * price["output"]) / _PER_TOKENS
