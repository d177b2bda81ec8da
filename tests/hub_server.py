"""A Hugging Face hub on loopback, as far as its own client asks: repositories from folders, gated and missing ones."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_testtoken0123456789"


@dataclass
class Hub:
    """What it serves: `repositories` by id, of which `gated` ones want the token; `requests` as they came."""

    url: str
    repositories: dict[str, Path]
    gated: set[str] = field(default_factory=set)
    requests: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def hub_server(repositories: dict[str, Path]) -> Iterator[Hub]:
    """Serve until the block ends."""
    hub = Hub("", repositories)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def log_message(self, *_: Any) -> None:
            pass

        def _answer(self, body: bool) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.requests.append((self.command, path))
            parts = path.strip("/").split("/")
            api = parts[:2] == ["api", "models"]
            repository = "/".join(parts[2:4] if api else parts[:2])
            rest = parts[4:] if api else parts[2:]
            folder = hub.repositories.get(repository)
            if folder is None:
                return self._send(401, b"{}", {"X-Error-Code": "RepoNotFound"}, body)
            revision = rest[1] if len(rest) > 1 else "main"
            if revision not in {"main", "v1", COMMIT}:
                return self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"}, body)
            allowed = self.headers.get("Authorization") == f"Bearer {TOKEN}"
            if repository in hub.gated and not allowed:
                return self._send(403, b"{}", {"X-Error-Code": "GatedRepo"}, body)
            if rest[:1] == ["resolve"]:
                return self._file(folder / "/".join(rest[2:]), body)
            return self._send(200, json.dumps(self._listing(repository, folder, rest)).encode(), {}, body)

        def _listing(self, repository: str, folder: Path, rest: list[str]) -> Any:
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            if rest[:1] == ["tree"]:
                return [
                    {
                        "type": "file",
                        "path": str(path.relative_to(folder)),
                        "size": path.stat().st_size,
                        "oid": hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest(),
                    }
                    for path in files
                ]
            names = [{"rfilename": str(path.relative_to(folder))} for path in files]
            return {"id": repository, "modelId": repository, "sha": COMMIT, "siblings": names, "tags": []}

        def _file(self, path: Path, body: bool) -> None:
            if not path.is_file():
                return self._send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT}, body)
            content = path.read_bytes()
            etag = hashlib.sha1(content, usedforsecurity=False).hexdigest()
            return self._send(200, content, {"X-Repo-Commit": COMMIT, "ETag": f'"{etag}"'}, body)

        def _send(self, status: int, content: bytes, headers: dict[str, str], body: bool) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if body:
                self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
