"""The WebSocket that Eliza's dashboard listens to (contract §2.1)."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import orjson
from fastapi import WebSocket, WebSocketDisconnect

from whetstone.api.edge.auth import AUTHENTICATED
from whetstone.api.services import Services
from whetstone.api.streams import until_closing
from whetstone.jobs.event import parse_event_id

REPLAY = 120
# Largest frame that a client may send (contract §2.1).
MAX_FRAME_BYTES = 65_536
_STATUS_SECONDS = 5
_AUTH_SECONDS = 10
_SEND_SECONDS = 30
_MAX_WAITING_PER_PEER = 16
_DEDUPLICATE_SECONDS = 30
_MAX_REMEMBERED_IDS = 1024

_GOING_AWAY = 1001
_POLICY_VIOLATION = 1008
_TOO_BIG = 1009


class EventSocket:
    """One connected dashboard: answers its frames, tells it the state of the service and every event."""

    def __init__(self, socket: WebSocket, services: Services) -> None:
        self._socket = socket
        self._services = services
        self._seen: dict[str, float] = {}
        self._authenticated = bool(socket.scope.get(AUTHENTICATED))

    async def serve(self) -> None:
        """Talk until the client leaves, misbehaves, or the server stops."""
        await self._socket.accept()
        try:
            if self._authenticated or await self._log_in():
                await self._talk()
        except (WebSocketDisconnect, TimeoutError, RuntimeError):
            return  # the client is gone, or takes nothing any more

    async def _log_in(self) -> bool:
        async with self._waiting_place() as free:
            if free:
                with anyio.move_on_after(_AUTH_SECONDS):
                    while not self._authenticated:
                        if not await self._handle_frame():
                            return False
        if not self._authenticated:
            await self._close(_POLICY_VIOLATION, "Unauthorized")
        return self._authenticated

    @asynccontextmanager
    async def _waiting_place(self) -> AsyncIterator[bool]:
        waiting = self._services.sockets_waiting
        peer = self._socket.client.host if self._socket.client else ""
        waiting[peer] += 1
        try:
            yield waiting[peer] <= _MAX_WAITING_PER_PEER
        finally:
            waiting[peer] -= 1
            if not waiting[peer]:
                del waiting[peer]

    async def _talk(self) -> None:
        failures: list[Exception] = []
        async with anyio.create_task_group() as group:

            async def until_it_ends(part: Callable[[], Awaitable[None]]) -> None:
                try:
                    await part()
                except (WebSocketDisconnect, TimeoutError, RuntimeError) as error:
                    failures.append(error)
                group.cancel_scope.cancel()

            for part in (self._send_events, self._send_status, self._receive):
                group.start_soon(until_it_ends, part)
        if not failures and self._services.closing.is_set():
            await self._close(_GOING_AWAY, "The server is stopping")

    async def _send_events(self) -> None:
        await self._send(self._status())
        log = self._services.events
        query = self._socket.query_params
        after = parse_event_id(query.get("lastEventId") or query.get("since"))
        if after is None:
            replay = await log.recent(REPLAY)
            for event in replay:
                await self._send(event.envelope())
            after = replay[-1].sequence if replay else 0
        async for event in until_closing(log.subscribe(after), self._services.closing):
            await self._send(event.envelope())

    async def _send_status(self) -> None:
        while True:
            await anyio.sleep(_STATUS_SECONDS)
            await self._send(self._status())

    async def _receive(self) -> None:
        while await self._handle_frame():
            pass

    async def _handle_frame(self) -> bool:
        """Answer one frame; False when the connection is over."""
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            return False
        content = message.get("text")
        raw = content.encode("utf-8", "replace") if content is not None else message.get("bytes") or b""
        if len(raw) > MAX_FRAME_BYTES:
            await self._close(_TOO_BIG, "Frames are limited to 64 KiB")
            return False
        frame = _parse(raw)
        if self._is_repeated(frame.get("msgId")):
            return True
        if frame.get("type") == "ping":
            await self._send({"type": "pong"})
        elif frame.get("type") == "auth":
            return await self._handle_auth(frame.get("token"))
        return True

    async def _handle_auth(self, token: Any) -> bool:
        access = self._services.access
        open_to_all = self._authenticated and not access.can_log_in
        if not open_to_all and not (
            isinstance(token, str) and access.accepts(token.encode("utf-8", "replace"))
        ):
            await self._close(_POLICY_VIOLATION, "Unauthorized")
            return False
        self._authenticated = True
        await self._send({"type": "auth-ok"})
        return True

    def _is_repeated(self, message_id: Any) -> bool:
        if not isinstance(message_id, str) or not message_id:
            return False
        now = time.monotonic()
        for known, seen in list(self._seen.items()):
            if now - seen < _DEDUPLICATE_SECONDS and len(self._seen) < _MAX_REMEMBERED_IDS:
                break  # in order of arrival: the rest is younger
            del self._seen[known]
        if message_id in self._seen:
            return True
        self._seen[message_id] = now
        return False

    def _status(self) -> dict[str, Any]:
        return {
            "type": "status",
            "state": "running",
            "agentName": "Eliza",
            "model": None,
            "canRespond": True,
            "startedAt": self._services.started_at,
            "startup": {},
            "pendingRestart": False,
            "pendingRestartReasons": [],
        }

    async def _send(self, frame: dict[str, Any]) -> None:
        with anyio.fail_after(_SEND_SECONDS):
            await self._socket.send_text(orjson.dumps(frame).decode())

    async def _close(self, code: int, reason: str) -> None:
        with anyio.move_on_after(_SEND_SECONDS):
            await self._socket.close(code, reason)


def _parse(raw: bytes) -> dict[str, Any]:
    """The frame; an empty one for what is not a JSON object, which is ignored like any unknown frame."""
    try:
        frame = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return frame if isinstance(frame, dict) else {}
