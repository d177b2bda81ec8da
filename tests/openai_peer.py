"""A loopback server that speaks the OpenAI chat protocol, with scripted failures, for tests of every room.

It runs in its own thread and event loop, so it serves blocking tests and child processes alike::

    def test_something(openai_peer: OpenAIPeer) -> None:
        openai_peer.answer = lambda messages: "yes" if "?" in messages[-1]["content"] else "no"
        openai_peer.latency = 0.05
        openai_peer.script(Reply(status=429, headers={"Retry-After": "1"}), Reply(disconnect=True))
        ...  # point a client at openai_peer.base_url
        assert len(openai_peer.calls) == 3
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import orjson

Messages = list[dict[str, Any]]
Answer = Callable[[Messages], "str | dict[str, Any]"]


@dataclass(frozen=True)
class Reply:
    """One scripted reaction, used up by one request in place of the answer."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None  # None: an OpenAI error body for statuses >= 400, the normal answer for 200
    latency: float = 0.0  # seconds, in place of the peer's own latency
    disconnect: bool = False  # close the connection without an answer, or after `partial` of it
    hang: bool = False  # never answer, or not beyond `partial`, until the client goes away
    partial: int | None = (
        None  # headers for the whole body, but only so many bytes of it; needs one of the above
    )


@dataclass(frozen=True)
class Call:
    """One request that reached the peer."""

    at: float  # time.monotonic()
    path: str
    headers: dict[str, str]  # names in lower case
    body: dict[str, Any]

    @property
    def messages(self) -> Messages:
        """The messages of the request."""
        messages: Messages = self.body["messages"]
        return messages


def echo(messages: Messages) -> str:
    """The default answer: the content of the last message."""
    return str(messages[-1].get("content"))


def completion(message: str | dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """A `chat.completion` object; a token is counted for every 4 characters begun."""
    answer = {"role": "assistant", "content": message} if isinstance(message, str) else message
    prompt = sum(-(-len(str(each.get("content"))) // 4) for each in request.get("messages", []))
    completed = -(-len(str(answer.get("content") or "")) // 4)
    return {
        "id": "chatcmpl-peer",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": request.get("model", "peer"),
        "choices": [
            {
                "index": 0,
                "message": answer,
                "finish_reason": "tool_calls" if answer.get("tool_calls") else "stop",
            }
        ],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": completed,
            "total_tokens": prompt + completed,
        },
    }


def event_stream(whole: dict[str, Any], request: dict[str, Any]) -> bytes:
    """The same answer as server-sent `chat.completion.chunk` objects, its text in two pieces."""
    [choice] = whole["choices"]
    message, text = choice["message"], choice["message"].get("content") or ""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": text[: len(text) // 2]}]
    deltas.append({"content": text[len(text) // 2 :]})
    if calls := message.get("tool_calls"):
        deltas.append({"tool_calls": [{"index": place, **call} for place, call in enumerate(calls)]})
    choices = [[{"index": 0, "delta": delta, "finish_reason": None}] for delta in deltas]
    choices.append([{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}])
    chunk = {**whole, "object": "chat.completion.chunk", "usage": None}
    chunks = [{**chunk, "choices": each} for each in choices]
    if request.get("stream_options", {}).get("include_usage"):
        chunks.append({**chunk, "choices": [], "usage": whole["usage"]})
    return b"".join(b"data: " + orjson.dumps(each) + b"\n\n" for each in chunks) + b"data: [DONE]\n\n"


class OpenAIPeer:
    """`POST {base_url}/chat/completions` answered by `answer(messages)`, as a stream where the request says so.

    `answer` gives the text, or a whole assistant message as a dict (for tool calls). `answer`, `latency`
    (seconds per answer), `limit` (requests in flight, above which it answers 429) and `script` may be changed at any
    time. Counters: `calls` (requests in order of arrival), `max_in_flight`, `limited` (answers 429 for `limit`),
    `aborted` (clients that went away before their answer), `open_connections`.
    """

    def __init__(self, answer: Answer = echo, *, latency: float = 0.0) -> None:
        self.answer = answer
        self.latency = latency
        self.limit: int | None = None
        self.calls: list[Call] = []
        self.in_flight = 0
        self.max_in_flight = 0
        self.limited = 0
        self.aborted = 0
        self.open_connections = 0
        self._scripted: deque[Reply] = deque()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stopping: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="openai-peer", daemon=True)
        self._port = 0

    @property
    def base_url(self) -> str:
        """Base URL for clients, `http://127.0.0.1:<port>/v1`."""
        return f"http://127.0.0.1:{self._port}/v1"

    def script(self, *replies: Reply) -> None:
        """Answer the next requests by these, in order, before normal answers resume."""
        self._scripted.extend(replies)

    def start(self) -> Self:
        """Listen on a free loopback port."""
        self._thread.start()
        self._ready.wait()
        return self

    def stop(self) -> None:
        """Close every connection and end the thread; may be called twice."""
        if self._stopping is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._stopping = asyncio.Event()
        connections: set[asyncio.Task[None]] = set()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(self._connection(reader, writer))
            connections.add(task)
            task.add_done_callback(connections.discard)

        server = await asyncio.start_server(connected, "127.0.0.1", 0, backlog=1024)
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stopping.wait()
        server.close()
        tasks = list(connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open_connections += 1
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._exchange(reader, writer):
                    pass
        finally:
            self.open_connections -= 1
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        call = await _receive(reader)
        self.calls.append(call)
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        try:
            reply = self._reply()
            if await _gone_within(reader, math.inf if _silent(reply) else reply.latency):
                self.aborted += 1
                return False
            if reply.disconnect and reply.partial is None:
                return False
            status, body = self._body(call, reply)
            answer = _head(status, body, reply.headers) + body[: reply.partial]
            if reply.hang:
                writer.write(answer)
                await _gone_within(reader, math.inf)
                self.aborted += 1
                return False
        finally:
            self.in_flight -= 1
        writer.write(answer)
        await writer.drain()
        return not reply.disconnect

    def _reply(self) -> Reply:
        if self.limit is not None and self.in_flight > self.limit:
            self.limited += 1
            return Reply(status=429)
        return self._scripted.popleft() if self._scripted else Reply(latency=self.latency)

    def _body(self, call: Call, reply: Reply) -> tuple[int, bytes]:
        if reply.body is not None:
            return reply.status, reply.body
        if reply.status >= 400:
            error = {"message": f"scripted failure {reply.status}", "type": "peer", "code": reply.status}
            return reply.status, orjson.dumps({"error": error})
        try:
            whole = completion(self.answer(call.messages), call.body)
            return 200, event_stream(whole, call.body) if call.body.get("stream") else orjson.dumps(whole)
        except Exception as error:
            message = f"answer() raised {type(error).__name__}: {error}"
            return 400, orjson.dumps({"error": {"message": message, "type": "peer", "code": 400}})


def _silent(reply: Reply) -> bool:
    return reply.hang and reply.partial is None


def _head(status: int, body: bytes, headers: dict[str, str]) -> bytes:
    media_type = "text/event-stream" if body.startswith(b"data: ") else "application/json"
    head = {"Content-Type": media_type, "Content-Length": str(len(body)), **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    return f"HTTP/1.1 {status} Peer\r\n{lines}\r\n".encode()


async def _receive(reader: asyncio.StreamReader) -> Call:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in head[1:] if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Call(time.monotonic(), head[0].split(" ")[1], headers, orjson.loads(body) if body else {})


async def _gone_within(reader: asyncio.StreamReader, seconds: float) -> bool:
    """Wait for `seconds`; True as soon as the client closes its end."""
    deadline = time.monotonic() + seconds
    while not reader.at_eof() and reader.exception() is None:
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        await asyncio.sleep(min(left, 0.01))
    return True
