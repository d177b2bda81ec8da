"""What the calls of one purpose have cost."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Protocol


class Spending(Protocol):
    """The cost of one call, successful or not."""

    @property
    def prompt_tokens(self) -> int: ...
    @property
    def completion_tokens(self) -> int: ...
    @property
    def latency_ms(self) -> float: ...
    @property
    def cached(self) -> bool: ...
    @property
    def failed(self) -> bool: ...


@dataclass(slots=True)
class Account:
    """Totals of one purpose. `calls` were answered and are charged; `failed` ones have no score or text, mostly for
    want of an answer."""

    calls: int = 0
    cache_hits: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    latency_ms: float = 0.0

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def add(self, other: Account) -> None:
        """Add another account's totals."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))

    def since(self, earlier: Account) -> Account:
        """What was added after `earlier`."""
        return Account(*(getattr(self, each.name) - getattr(earlier, each.name) for each in fields(self)))

    def to_dict(self) -> dict[str, Any]:
        """JSON form; `calls` includes the `cacheHits`, which cost nothing."""
        return {
            "calls": self.calls,
            "cacheHits": self.cache_hits,
            "failed": self.failed,
            "promptTokens": self.prompt_tokens,
            "completionTokens": self.completion_tokens,
            "usd": round(self.cost, 6),
        }


def answered(row: Spending) -> bool:
    """Whether the model answered, be it with something that could not be scored."""
    return not row.failed or row.prompt_tokens + row.completion_tokens > 0
