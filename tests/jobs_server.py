"""A server process to be killed: `jobs_server.py <database url> <state dir> <script>` runs one scripted job."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import orjson

from jobs_bench import Bench
from whetstone.db import Database
from whetstone.settings import Settings


async def main() -> None:
    """Start the job, print its id, and serve until killed."""
    url, state_dir, script = sys.argv[1:]
    bench = Bench(Database(url), Settings(_env_file=None, state_dir=Path(state_dir)))
    await bench.service.start()
    sys.stdout.write(await bench.create(*orjson.loads(script)) + "\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
