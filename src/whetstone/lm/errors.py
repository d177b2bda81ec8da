"""Why a language-model call gave no answer."""

from __future__ import annotations

from whetstone.errors import WhetstoneError


class LMError(WhetstoneError):
    """Base: the endpoint gave no usable answer."""

    status = 502


class LMRequestError(LMError):
    """The endpoint refused the request for good; sending it again would not help.

    `http_status` is the endpoint's status, None where there was none. 401, 403 and 404 concern every request
    (key, model, base URL), other values this one.
    """

    def __init__(self, message: str, http_status: int | None = None) -> None:
        super().__init__(message)
        self.http_status = http_status


class LMResponseError(LMError):
    """The endpoint answered with success, but not with a chat completion."""


class LMUnavailableError(LMError):
    """The endpoint could not be reached, was overloaded or too slow, also after all retries."""

    status = 503


class LocalModelMissingError(LMError):
    """The embedded model's runtime or weights are not installed."""

    status = 501


class LocalModelFailedError(LMError):
    """The embedded model's server does not come up."""

    status = 503


class BudgetExhausted(WhetstoneError):  # noqa: N818 - the planned end of a run, not a fault
    """The next call does not fit in the budget; nothing was sent.

    Not an `LMError`: code that goes on after a failed call must not go on after this.
    """


class TransientError(Exception):
    """One attempt failed in a way that may pass. `retry_after` is the wait in seconds that the endpoint asked for."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after
