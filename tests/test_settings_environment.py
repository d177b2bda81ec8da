"""How settings are read: names that are set to nothing, and paths in the home folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from whetstone.settings import PRODUCTION_PORT, Settings


def test_empty_values_mean_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("WHETSTONE_PORT=\nDATABASE_URL=\n")
    monkeypatch.setenv("WHETSTONE_LM_CACHE_PATH", "")
    settings = Settings()
    assert settings.port == PRODUCTION_PORT
    assert settings.database_url is None
    assert settings.lm_cache_path is None


def test_paths_may_start_in_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WHETSTONE_LOCAL_LM_PATH", "~/model.gguf")
    assert Settings().local_lm_path == tmp_path / "model.gguf"
