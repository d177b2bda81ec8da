"""`whetstone privacy`: scanning files, and the filter's status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from whetstone.cli import app

MAIL = "jane.doe@example.org"


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELIZA_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("WHETSTONE_PRIVACY_NAMES", "off")
    monkeypatch.setenv("COLUMNS", "120")


def run(*arguments: object, given: str | bytes | None = None) -> Result:
    return CliRunner().invoke(app, ["privacy", *map(str, arguments)], input=given)


def test_a_text_file_is_scanned_by_line_and_column(tmp_path: Path) -> None:
    file = tmp_path / "notes.md"
    file.write_text(f"# Notes\n\nß 😀 mail {MAIL} or\n+44 20 7946 0958\n", "utf-8")
    result = run("scan", file)
    assert result.exit_code == 1
    assert f"{file}:3:10: email (rules) → [REDACTED_EMAIL]" in result.output
    assert f"{file}:4:1: phone (rules) → [REDACTED_PHONE]" in result.output
    assert MAIL not in result.output


def test_nothing_found_is_a_success(tmp_path: Path) -> None:
    file = tmp_path / "code.py"
    file.write_text("def add(a, b):\n    return a + b\n")
    result = run("scan", file)
    assert result.exit_code == 0
    assert "nothing found" in result.output


def test_hits_as_json_lead_to_the_text(tmp_path: Path) -> None:
    text = json.dumps({"user": {"email": MAIL, "note": "call +44 20 7946 0958"}}, indent=2)
    file = tmp_path / "data.json"
    file.write_text(text)
    result = run("scan", "--json", file)
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["counts"] == {"email": 1, "phone": 1}
    assert {text[hit["start"] : hit["end"]] for hit in found["hits"]} >= {"+44 20 7946 0958"}
    [mail] = [hit for hit in found["hits"] if hit["kind"] == "email"]
    assert mail["line"] == 3
    assert text.splitlines()[2][mail["column"] - 1 :].startswith(("j", '"j'))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", json.dumps({"a": [MAIL, 1.50, {"password": "hunter2hunter2"}]})),
        ("a.jsonl", "".join(json.dumps({"n": n, "text": f"to {MAIL}"}) + "\n" for n in range(3))),
        ("a.csv", f'name,mail\r\n"O""Neil",{MAIL}\r\n'),
        ("a.txt", f"Write to {MAIL}"),
    ],
)
def test_the_filtered_copy_keeps_its_form(name: str, text: str, tmp_path: Path) -> None:
    file, copy = tmp_path / name, tmp_path / "out" / name
    file.write_bytes(text.encode())
    assert run("scan", file, "--write", copy, "--quiet").exit_code == 1
    written = copy.read_bytes().decode()
    assert written == text.replace(MAIL, "[REDACTED_EMAIL]").replace("hunter2hunter2", "<REDACTED:password>")
    assert run("scan", copy).exit_code == 0
    assert run("preview", file).stdout == written.replace("\r\n", "\n") or name == "a.csv"


def test_standard_input_is_a_file_too() -> None:
    result = run("scan", "-", given=f"to {MAIL}\n")
    assert result.exit_code == 1
    assert "standard input:1:4: email" in result.output
    assert run("scan", "-", given="").exit_code == 0


def test_what_cannot_be_scanned_is_told_apart_from_findings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("scan", tmp_path / "missing.txt").exit_code == 2
    result = run("scan", "-", given=b"\xff\xfe\x00")
    assert result.exit_code == 2
    assert "UTF-8" in result.output
    monkeypatch.setenv("WHETSTONE_PRIVACY_POLICY", "lenient")
    result = run("scan", "-", given="x")
    assert result.exit_code == 2
    assert "'lenient' is no policy" in result.output


def test_a_long_file_is_scanned_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "log.txt"
    file.write_text("an ordinary line of a log\n" * 90_000 + f"{MAIL}\n")
    found = json.loads(run("scan", "--json", file).stdout)
    assert [(hit["line"], hit["column"]) for hit in found["hits"]] == [(90_001, 1)]


def test_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHETSTONE_PRIVACY_DISABLED_DETECTORS", "email, phone")
    monkeypatch.setenv("WHETSTONE_PRIVACY_POLICIES", '{"source:telegram": "strict"}')
    result = run("status")
    assert result.exit_code == 0, result.output
    assert "switched off: email, phone" in result.output
    assert "source telegram" in result.output
    assert json.loads(run("status", "--json").stdout)["disabledDetectors"] == ["email", "phone"]
