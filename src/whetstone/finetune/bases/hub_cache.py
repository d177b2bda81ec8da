"""The Hugging Face cache on disk, read without its library.

Layout: https://huggingface.co/docs/huggingface_hub/guides/manage-cache (`hub/models--org--name/{refs,snapshots}`).
"""

from __future__ import annotations

import re
from pathlib import Path

from whetstone.settings import Settings

_COMMIT = re.compile(r"[0-9a-f]{40}")
DEFAULT_REVISION = "main"


def hub_cache_dir(settings: Settings) -> Path:
    """The folder of cached repositories: `HF_HOME/hub`, by default `~/.cache/huggingface/hub`."""
    home = settings.hub_home or settings.cache_home / "huggingface"
    return home.expanduser().absolute() / "hub"


def cached_snapshot(repository: str, revision: str | None, settings: Settings) -> Path | None:
    """The folder of that revision (a branch, tag or commit; None: main) of `org/name`; None when it is not there."""
    folder = hub_cache_dir(settings) / f"models--{repository.replace('/', '--')}"
    wanted = revision or DEFAULT_REVISION
    if ".." in wanted.split("/"):
        return None
    commit = wanted
    if _COMMIT.fullmatch(wanted) is None:
        try:
            commit = (folder / "refs" / wanted).read_text("utf-8").strip()
        except (OSError, ValueError):
            return None
    snapshot = folder / "snapshots" / commit
    return snapshot if _COMMIT.fullmatch(commit) is not None and snapshot.is_dir() else None
