"""Text inside text: base64, percent-encoding, HTML entities, and escapes of JSON strings in plain text.

Each find is read, filtered by the caller (who looks for encodings in what was read too), and written back so that
reading gives exactly the filtered text. Unchanged text keeps its spelling to the byte.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from functools import partial
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from whetstone.privacy.structure import base64_text
from whetstone.privacy.structure.notation import Encoded, Notation

__all__ = ["Encoded", "find"]


def find(text: str) -> Iterator[Encoded]:
    """Disjoint encoded parts in text order; of nested ones the outermost."""
    found: list[Encoded] = []
    if "\\" in text:
        found += _literals(text)
        found += _escapes(text)
    if "&" in text:
        found += _entities(text)
    if "%" in text or "+" in text:
        found += _parameters(text)
    if "%" in text:
        found += _percent_runs(text)
    found += base64_text.find(text)
    found.sort(key=lambda one: (one.start, -one.end))
    position = 0
    for one in found:
        if one.start >= position:
            yield one
            position = one.end


def _in_notation(start: int, end: int, text: str, notation: Notation, key: str = "") -> Iterator[Encoded]:
    raw = text[start:end]
    decoded = notation.read(raw)
    if decoded != raw:
        yield Encoded(start, end, decoded, partial(notation.rewrite, raw), key)


# --- escapes of JSON strings ---

_UNICODE = r"\\u(?:[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?![dD][89a-fA-F])[0-9a-fA-F]{4})"
_SHORT_ESCAPES: Final = {
    "\\n": "\n",
    "\\r": "\r",
    "\\t": "\t",
    '\\"': '"',
    "\\/": "/",
    "\\\\": "\\",
    "\\b": "\b",
    "\\f": "\f",
}
# The end of the text closes a literal as well: outputs of tools are often cut off.
_LITERAL: Final = re.compile(r"(?<!\\)\"(?P<body>(?:[^\"\\\n]|\\[\"\\/bfnrtu])*+)(?:\"|\\?\Z)")
_MIN_LITERAL = 12
_ESCAPE: Final = re.compile(rf"{_UNICODE}|\\x[0-9a-fA-F]{{2}}")
_MAX_CONTEXT = 400


def _read_escape(escape: str) -> str:
    short = _SHORT_ESCAPES.get(escape)
    if short is not None:
        return short
    if escape[1] == "x":
        return chr(int(escape[2:], 16))
    return str(json.loads(f'"{escape}"'))


JSON: Final = Notation(
    re.compile(rf"{_UNICODE}|\\[\"\\/bfnrt]"),
    _read_escape,
    lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
)
JSON_ASCII: Final = Notation(JSON.pattern, _read_escape, lambda text: json.dumps(text)[1:-1])


def _spell_unicode(text: str) -> str:
    """A backslash is spelled too, so that it makes no escape with what follows it."""
    return "".join(f"\\u{ord(c):04x}" if c in '\\"' or ord(c) < 32 else c for c in text)


ESCAPES: Final = Notation(_ESCAPE, _read_escape, _spell_unicode)


def _literals(text: str) -> Iterator[Encoded]:
    """String literals with escapes, in text that is not JSON as a whole: their line ends are real ones then."""
    for match in _LITERAL.finditer(text):
        start, end = match.span("body")
        if end - start >= _MIN_LITERAL and text.find("\\", start, end) >= 0:
            raw = text[start:end]
            yield from _in_notation(start, end, text, JSON_ASCII if raw.isascii() else JSON)


def _escapes(text: str) -> Iterator[Encoded]:
    r"""`\u0040` and `\x40` anywhere, with the rest of the line (as far as quotation marks) around them."""
    position = 0
    for match in _ESCAPE.finditer(text):
        if match.start() < position:
            continue
        low = max(position, match.start() - _MAX_CONTEXT)
        start = max(low, text.rfind("\n", low, match.start()) + 1, text.rfind('"', low, match.start()) + 1)
        high = min(len(text), match.end() + _MAX_CONTEXT)
        ends = (text.find("\n", match.end(), high), text.find('"', match.end(), high))
        end = min((at for at in ends if at >= 0), default=high)
        if end - start >= _MIN_LITERAL:
            yield from _in_notation(start, end, text, ESCAPES)
        position = end


# --- HTML entities ---

_ENTITY: Final = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
HTML: Final = Notation(
    _ENTITY,
    html.unescape,
    lambda text: html.escape(text, quote=False).replace("\n", "&#10;").replace("\r", "&#13;"),
)
_BORDER: Final = re.compile(r"[<>\n]")


def _entities(text: str) -> Iterator[Encoded]:
    """Text between tags or line ends that holds an entity."""
    position = 0
    for match in _ENTITY.finditer(text):
        if match.start() < position:
            continue
        start = max(position, *(text.rfind(border, position, match.start()) + 1 for border in "<>\n"))
        border = _BORDER.search(text, match.end())
        position = border.start() if border else len(text)
        yield from _in_notation(start, position, text, HTML)


# --- percent-encoding ---

_PARAMETER: Final = re.compile(
    r"(?P<lead>\A|[?&;\s\"'(,])(?P<key>[A-Za-z_][\w.\[\]-]{0,63})=(?P<value>[^&\s\"'<>#\\]++)(?P<trail>&?)"
)
_WORD = r"[A-Za-z0-9._~+*-]"
_PERCENT_RUN: Final = re.compile(rf"(?<!{_WORD}){_WORD}*+(?:%[0-9a-fA-F]{{2}}{_WORD}*+)++")
_BYTES = r"(?:%[0-9a-fA-F]{2})++"


def _read_bytes(escapes: str) -> str:
    """UTF-8, else the Latin-1 of old forms; `+` is a blank where it is an escape at all."""
    if escapes == "+":
        return " "
    data = unquote_to_bytes(escapes)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _spell_bytes(text: str) -> str:
    return quote(text, safe="", errors="replace")


PERCENT: Final = Notation(re.compile(_BYTES), _read_bytes, _spell_bytes)
FORM: Final = Notation(
    re.compile(rf"\+|{_BYTES}"), _read_bytes, lambda text: _spell_bytes(text).replace("%20", "+")
)


def _parameters(text: str) -> Iterator[Encoded]:
    """Values of query strings and forms."""
    position = 0
    while (match := _PARAMETER.search(text, position)) is not None:
        start, end = match.span("value")
        position = end  # the ampersand leads the next one
        if "%" not in match["value"] and "+" not in match["value"]:
            continue
        is_form = bool(match["trail"]) or match["lead"] in ("?", "&")
        yield from _in_notation(start, end, text, FORM if is_form else PERCENT, match["key"])


def _percent_runs(text: str) -> Iterator[Encoded]:
    """Percent-encoded words anywhere else."""
    for match in _PERCENT_RUN.finditer(text):
        yield from _in_notation(*match.span(), text, PERCENT)
