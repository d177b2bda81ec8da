"""Fixtures of the API's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from api_server import RunningServer, client_of, running
from whetstone.settings import Settings


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(settings) as client:
        yield client


@pytest.fixture
def server(settings: Settings) -> Iterator[RunningServer]:
    with running(settings) as server:
        yield server
