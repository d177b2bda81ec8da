"""A process with an OpenAI-compatible endpoint on the loopback interface, in front of the scripted models.

`python -m benchmarks.optimizers.loopback JOB` (as JSON) prints its port. `POST /v1/chat/completions` answers for the models
`task` and `reflection` at the job's pace; a rough pace has real stragglers and real 429s. `GET /counts` gives the meter's
figures.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable
from typing import Any

from benchmarks.optimizers.child import Job
from benchmarks.optimizers.meter import RETRY_AFTER, Meter, refused
from benchmarks.optimizers.worlds.office import World


class Server:
    """Answers connections until the process is ended."""

    def __init__(self, job: Job) -> None:
        self._meter = Meter(World(job.landscape, job.seed), job.pace, waits=False)
        self._rough = job.rough
        self._asked = self._refused = 0

    async def serve(self, announce: Callable[[int], None]) -> None:
        """Listen on a free port."""
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0, backlog=256)
        announce(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                length = next(
                    (int(line[15:]) for line in head.split("\r\n") if line.startswith("content-length:")), 0
                )
                body = await reader.readexactly(length)
                status, answer = (200, self._counts()) if head.startswith("get") else await self._answer(body)
                content = json.dumps(answer).encode()
                writer.write(
                    f"HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n"
                    f"{f'Retry-After: {RETRY_AFTER}' if status == 429 else 'X-Paced: yes'}\r\n\r\n".encode()
                    + content
                )
                await writer.drain()
        writer.close()

    async def _answer(self, body: bytes) -> tuple[int, dict[str, Any]]:
        request = json.loads(body)
        messages = [{"role": each["role"], "content": each["content"]} for each in request["messages"]]
        if request["model"] == "reflection":
            return 200, _completion(await self._meter.write_async(messages))
        self._asked += 1
        if self._rough and refused(self._asked):
            self._refused += 1
            return 429, {"error": {"message": "too many requests", "type": "rate_limit", "code": 429}}
        return 200, _completion(await self._meter.answer_async(messages))

    def _counts(self) -> dict[str, Any]:
        return {**self._meter.counts(), "refused": self._refused}


def _completion(text: str) -> dict[str, Any]:
    return {
        "id": "1",
        "object": "chat.completion",
        "model": "scripted",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }


if __name__ == "__main__":
    asyncio.run(Server(Job(**json.loads(sys.argv[1]))).serve(lambda port: print(port, flush=True)))
