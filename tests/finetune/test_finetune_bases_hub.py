"""Base models of the Hugging Face hub, fetched by its real client from a hub on loopback."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from finetune_jobs import spec_of
from finetune_world import chat_rows, write_rows
from hub_server import COMMIT, TOKEN, Hub, hub_server
from whetstone.errors import InvalidInputError, UnavailableError
from whetstone.finetune.bases import hub as hub_client
from whetstone.finetune.bases.names import find_base
from whetstone.finetune.bases.prepare import Base, prepare_base
from whetstone.finetune.estimate import estimate
from whetstone.settings import Settings


@pytest.fixture
def hub(base: Path, tmp_path: Path) -> Iterator[Hub]:
    """Serves `org/tiny`, with files beside it that nobody needs."""
    folder = Path(shutil.copytree(base, tmp_path / "served"))
    (folder / "README.md").write_text("---\nlicense: mit\n---\nA card.\n")
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    (folder / "original").mkdir()
    (folder / "original/copy.safetensors").write_bytes(b"again")
    (folder / "code.py").write_text("raise SystemExit")
    with hub_server({"org/tiny": folder}) as served:
        yield served


@pytest.fixture
def own(settings: Settings, hub: Hub, tmp_path: Path) -> Settings:
    return settings.model_copy(
        update={"hub_endpoint": hub.url, "hub_home": tmp_path / "hf", "cache_home": tmp_path / "cache"}
    )


def prepare(name: str, settings: Settings) -> tuple[Base, list[str]]:
    said: list[str] = []
    return prepare_base(find_base(name, settings), settings, said.append), said


def test_a_model_is_fetched_without_what_is_not_needed(own: Settings, hub: Hub, base: Path) -> None:
    found, said = prepare("org/tiny", own)
    assert said[0].startswith("Downloading org/tiny: ")
    assert found.revision == COMMIT
    assert found.licence == "mit"
    assert found.folder == own.hub_home / "hub/models--org--tiny/snapshots" / COMMIT  # type: ignore[operator]
    assert (found.folder / "model.safetensors").read_bytes() == (base / "model.safetensors").read_bytes()
    names = {path.name for path in found.folder.iterdir()}
    assert not names & {"pytorch_model.bin", "original", "code.py"}
    local, _ = prepare(str(base), own)
    assert found.fingerprint == local.fingerprint


def test_what_is_in_the_cache_is_not_fetched_again(own: Settings, hub: Hub) -> None:
    first, _ = prepare("org/tiny", own)
    hub.requests.clear()
    again, said = prepare("org/tiny", own)
    assert again == first
    assert said == []
    assert not [path for verb, path in hub.requests if verb == "GET" and "/resolve/" in path]


def test_a_revision(own: Settings) -> None:
    assert prepare("org/tiny@v1", own)[0].revision == COMMIT
    with pytest.raises(InvalidInputError, match="has no revision 'v2'"):
        prepare("org/tiny@v2", own)


def test_offline_with_the_cache_nobody_is_asked(own: Settings, hub: Hub) -> None:
    first, _ = prepare("org/tiny", own)
    hub.requests.clear()
    offline = own.model_copy(update={"hub_offline": True})
    assert prepare("org/tiny", offline)[0] == first
    assert hub.requests == []


def test_when_the_hub_is_away_the_cache_serves(own: Settings) -> None:
    first, _ = prepare("org/tiny", own)
    away = own.model_copy(update={"hub_endpoint": "http://127.0.0.1:9"})
    found, said = prepare("org/tiny", away)
    assert found == first
    assert "does not answer" in said[0]


def test_when_the_hub_is_away_and_there_is_no_cache(own: Settings) -> None:
    away = own.model_copy(update={"hub_endpoint": "http://127.0.0.1:9"})
    with pytest.raises(UnavailableError, match=r"cannot be fetched from http://127\.0\.0\.1:9"):
        prepare("org/tiny", away)


def test_a_missing_model(own: Settings) -> None:
    with pytest.raises(InvalidInputError, match=r"has no model 'org/none'. If it is private, set HF_TOKEN"):
        prepare("org/none", own)


def test_a_gated_model_wants_a_token(own: Settings, hub: Hub) -> None:
    hub.gated.add("org/tiny")
    with pytest.raises(
        InvalidInputError, match=r"'org/tiny' is gated: accept its terms on the hub, and set HF_TOKEN"
    ):
        prepare("org/tiny", own)
    found, _ = prepare("org/tiny", own.model_copy(update={"hub_token": SecretStr(TOKEN)}))
    assert found.licence == "mit"


def test_a_model_without_safetensors_is_refused(own: Settings, hub: Hub) -> None:
    (hub.repositories["org/tiny"] / "model.safetensors").unlink()
    with pytest.raises(InvalidInputError, match=r"has no weights \(\*\.safetensors\)"):
        prepare("org/tiny", own)


def test_a_full_disk_is_noticed_before_the_download(
    own: Settings, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_client, "free_bytes", lambda _: 1 << 20)
    with pytest.raises(UnavailableError, match="disk is too full for the base model 'org/tiny'"):
        prepare("org/tiny", own)
    assert not [path for verb, path in hub.requests if verb == "GET" and "/resolve/" in path]


def test_progress_is_told_while_bytes_come(
    own: Settings, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hub_client, "_TELL_SECONDS", 0.0)
    _, said = prepare("org/tiny", own)
    assert any(sentence.startswith("Downloaded ") for sentence in said)
    assert capfd.readouterr().err.strip() == ""  # told, not drawn


def test_an_alias_with_a_revision(own: Settings) -> None:
    aliased = own.model_copy(update={"base_models": {"eliza-1-2b": "org/tiny@v1"}})
    found, _ = prepare("eliza-1-2b", aliased)
    assert (found.ref.name, found.ref.location, found.ref.revision) == ("eliza-1-2b", "org/tiny", "v1")


def test_a_dry_run_downloads_nothing(own: Settings, hub: Hub, tmp_path: Path) -> None:
    rows = write_rows(tmp_path / "rows.jsonl", chat_rows(20))
    spec = spec_of(None, rows, tmp_path / "job", model="org/tiny")
    hub.requests.clear()
    with pytest.raises(InvalidInputError, match="not on this machine yet; a dry run downloads nothing"):
        estimate(spec, own)
    assert hub.requests == []
    prepare("org/tiny", own)
    hub.requests.clear()
    assert estimate(spec, own)["steps"] == 40
    assert hub.requests == []
