"""Fine-tuning's own libraries are optional: without them its tests are left out, with a word about it."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

MISSING = [name for name in ("torch", "transformers", "peft") if importlib.util.find_spec(name) is None]

if MISSING and os.environ.get("WHETSTONE_TEST_TRAINING") == "required":
    raise RuntimeError(f"not installed: {', '.join(MISSING)}")
collect_ignore_glob = ["test_*.py"] if MISSING else []


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny base model whose template marks what the assistant says."""
    from finetune_world import tiny_base

    return tiny_base(tmp_path_factory.mktemp("base"))
