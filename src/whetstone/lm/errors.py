"""Why a language-model call gave no answer."""

from __future__ import annotations

from typing import Literal

from whetstone.errors import WhetstoneError

BudgetLimit = Literal["calls", "tokens", "cost", "seconds"]

_ABOUT_EVERY_REQUEST = frozenset({401, 402, 403, 404})  # key, money, permissions, model or base URL


class LMError(WhetstoneError):
    """Base: the endpoint gave no usable answer."""

    status = 502


class LMRequestError(LMError):
    """The endpoint refused the request for good; sending it again would not help.

    `http_status` is the endpoint's status, None where there was none.
    """

    def __init__(self, message: str, http_status: int | None = None) -> None:
        super().__init__(message)
        self.http_status = http_status

    @property
    def concerns_every_request(self) -> bool:
        """Whether key, money, model or base URL is wrong, so that no other request would be answered either."""
        return self.http_status in _ABOUT_EVERY_REQUEST


class LMContextOverflowError(LMRequestError):
    """The request is longer than the model's context. `excess` is by how many tokens, None if not known."""

    def __init__(self, message: str, http_status: int | None = None, excess: int | None = None) -> None:
        super().__init__(message, http_status)
        self.excess = excess


class LMQuotaError(LMRequestError):
    """The account has no money or quota left; unlike a rate limit, this does not pass by waiting."""

    @property
    def concerns_every_request(self) -> bool:
        """Always."""
        return True


class LMResponseError(LMError):
    """The endpoint answered with success, but not with a chat completion."""


class LMUnavailableError(LMError):
    """The endpoint could not be reached, was overloaded or too slow, also after all retries."""

    status = 503


class LMOverloadedError(LMUnavailableError):
    """The endpoint refused for too many requests (429) or overload (503), also after all retries."""


class LMTimeoutError(LMUnavailableError):
    """The endpoint did not finish its answer in time, also after all retries."""


class LocalModelMissingError(LMError):
    """The embedded model's runtime or weights are not installed."""

    status = 501


class LocalModelFailedError(LMError):
    """The embedded model's server does not come up."""

    status = 503


class BudgetExhausted(WhetstoneError):  # noqa: N818 - the planned end of a run, not a fault
    """The next call does not fit in the budget, `limit` says in which; nothing was sent.

    Not an `LMError`: code that goes on after a failed call must not go on after this.
    """

    def __init__(self, message: str, limit: BudgetLimit) -> None:
        super().__init__(message)
        self.limit: BudgetLimit = limit


class TransientError(Exception):
    """One attempt failed in a way that may pass; `error` is what to raise if it does not.

    `retry_after` is the wait in seconds that the endpoint asked for.
    """

    error: type[LMUnavailableError] = LMUnavailableError

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after


class TransientTimeoutError(TransientError):
    """There was no whole answer in time."""

    error = LMTimeoutError


class OverloadError(TransientError):
    """Too many requests, of us or of everybody."""

    error = LMOverloadedError
