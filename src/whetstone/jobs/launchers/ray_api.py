"""The part of Ray's Jobs REST API that a launcher needs (Ray 2.x: `dashboard/modules/job/job_head.py`)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import httpx
import orjson
from pydantic import SecretStr

from whetstone.errors import UnavailableError

ANSWER_SECONDS = 4.0
"""How long a request may take as a whole."""
SUBMIT_SECONDS = 20.0
"""The same for a submission: a cluster that has just started lets the first ones wait."""
_LARGEST_ANSWER = 4 * 2**20  # bytes; a submission's message holds up to 20 000 characters of its log


class RayUnreachableError(UnavailableError):
    """The cluster does not answer, or not sensibly: it may do so later."""


class RayTroubleError(RayUnreachableError):
    """Something is there and says that it cannot (HTTP 5xx), as a cluster does that has just started."""


class RayRefusedError(UnavailableError):
    """The cluster answers, and will not do it."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A submission as Ray sees it. `status` is PENDING, RUNNING, SUCCEEDED, FAILED or STOPPED."""

    status: str
    exit_code: int | None
    error_type: str | None
    message: str

    @classmethod
    def parse(cls, details: Any) -> Self:
        """From Ray's JobDetails; `RayUnreachableError` when it is something else."""
        match details:
            case {"status": "PENDING" | "RUNNING" | "SUCCEEDED" | "FAILED" | "STOPPED" as status}:
                code, kind, message = map(details.get, ("driver_exit_code", "error_type", "message"))
                return cls(
                    status,
                    code if isinstance(code, int) else None,
                    kind if isinstance(kind, str) else None,
                    message if isinstance(message, str) else "",
                )
        raise RayUnreachableError("The Ray cluster gave an answer that is no job of Ray's")


class RayJobs:
    """Submissions on one cluster."""

    def __init__(self, address: str, token: SecretStr | None) -> None:
        self._base = address.rstrip("/")
        self._headers = {} if token is None else {"Authorization": f"Bearer {token.get_secret_value()}"}

    @cached_property
    def address(self) -> str:
        """The cluster's address, as it may be shown: without credentials."""
        try:
            url = httpx.URL(self._base)
        except httpx.InvalidURL:
            return "(not a URL)"
        return str(url.copy_with(userinfo=None, query=None))

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return httpx.create_ssl_context()  # slow to make; the clients are not

    async def submit(self, order: Mapping[str, Any]) -> None:
        """Submit a job; all is well when its `submission_id` is known already."""
        status, content = await self._ask("POST", "/api/jobs/", order)
        if status == httpx.codes.OK or b"already exists" in content:
            return
        raise self._trouble(status)

    async def find(self, submission_id: str) -> Submission | None:
        """The submission; None when the cluster does not know it."""
        status, content = await self._ask("GET", f"/api/jobs/{submission_id}")
        if status == httpx.codes.NOT_FOUND:
            return None
        if status != httpx.codes.OK:
            raise self._trouble(status)
        try:
            return Submission.parse(orjson.loads(content))
        except orjson.JSONDecodeError:
            raise RayUnreachableError(f"What answers at {self.address} is no Ray cluster") from None

    async def stop(self, submission_id: str) -> None:
        """Have its processes get SIGTERM, and SIGKILL 3 s later; one that is not running yet stays in the queue."""
        status, _ = await self._ask("POST", f"/api/jobs/{submission_id}/stop")
        if status not in (httpx.codes.OK, httpx.codes.NOT_FOUND):
            raise self._trouble(status)

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, bytes]:
        """Status and content of the answer. Raises `RayUnreachableError` without one."""
        content, seconds = None, ANSWER_SECONDS
        if body is not None:
            content, seconds = orjson.dumps(body), SUBMIT_SECONDS
        headers = {**self._headers, "Content-Type": "application/json"}
        try:
            async with (
                asyncio.timeout(seconds),
                # No proxy and no redirect: the address is where the operator wants the token to go.
                httpx.AsyncClient(verify=self._tls, timeout=seconds, trust_env=False) as client,
                client.stream(method, self._base + path, content=content, headers=headers) as answer,
            ):
                received = bytearray()
                async for chunk in answer.aiter_bytes():
                    received += chunk
                    if len(received) > _LARGEST_ANSWER:
                        raise RayUnreachableError(f"What answers at {self.address} is no Ray cluster")
                return answer.status_code, bytes(received)
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL) as error:
            raise RayUnreachableError(
                f"The Ray cluster at {self.address} cannot be reached ({type(error).__name__}); "
                "check WHETSTONE_RAY_ADDRESS, and that its head node is up"
            ) from error

    def _trouble(self, status: int) -> UnavailableError:
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            return RayRefusedError(
                f"The Ray cluster at {self.address} refuses this server's token; check WHETSTONE_RAY_TOKEN"
            )
        if 300 <= status < 500:
            return RayRefusedError(f"The Ray cluster at {self.address} refused the request (HTTP {status})")
        return RayTroubleError(f"The Ray cluster at {self.address} is in trouble (HTTP {status})")
