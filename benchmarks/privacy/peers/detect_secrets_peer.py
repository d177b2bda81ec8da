"""Child process: detect-secrets with all its plugins.

By default it scans as of a file, where its entropy plugins look at quoted strings only; with the argument `lines` it
scans every line eagerly, where they look at every word. It reports values, not places: every occurrence of a value
in its line counts as found.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.privacy.child import Spans, serve
from detect_secrets.core.scan import scan_file, scan_line  # type: ignore[import-not-found]
from detect_secrets.settings import default_settings  # type: ignore[import-not-found]


def _in_files(text: str) -> Iterator[tuple[int, str]]:
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        for secret in scan_file(str(Path(file.name))):
            yield secret.line_number - 1, secret.secret_value or ""


def _in_lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.split("\n")):
        for secret in scan_line(line):
            yield number, secret.secret_value or ""


def _detect(text: str) -> Spans:
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    scan = _in_lines if "lines" in sys.argv else _in_files
    return [
        (starts[number] + match.start(), starts[number] + match.end())
        for number, value in scan(text)
        if value and number < len(lines)
        for match in re.finditer(re.escape(value), lines[number])
    ]


if __name__ == "__main__":
    with default_settings():
        serve(_detect)
