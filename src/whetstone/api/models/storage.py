"""What the trajectory store takes on disk."""

from __future__ import annotations

from pydantic import Field

from whetstone.api.models.base import WireModel, wire_config


class SearchLag(WireModel):
    """How far the search index is behind. What it does not have yet is searched all the same."""

    pending: int = Field(description="Changes that are not indexed yet.")
    oldest_pending_ms: int = Field(description="Age of the oldest of them; 0 where there is none.")


class StorageReport(WireModel):
    """Bytes and rows of the trajectory store."""

    model_config = wire_config(
        {
            "databaseBytes": 2_400_000_000,
            "freeBytes": 16_384,
            "walBytes": 4_194_304,
            "searchIndexBytes": 900_000_000,
            "trajectories": 150_000,
            "llmCalls": 1_000_000,
            "search": {"pending": 12, "oldestPendingMs": 340},
        }
    )

    database_bytes: int = Field(description="The database without the search index.")
    free_bytes: int = Field(
        description="Of those, what new rows use again; `whetstone db vacuum` returns it."
    )
    wal_bytes: int = Field(description="SQLite's write-ahead log; 0 on PostgreSQL.")
    search_index_bytes: int = Field(description="The search index; 0 before it is built.")
    trajectories: int
    llm_calls: int
    search: SearchLag
