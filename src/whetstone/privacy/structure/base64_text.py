"""Base64 that is text: standard and URL-safe, padded or not, in lines, in data URLs."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from functools import partial
from typing import Final, NamedTuple

from whetstone.privacy.replacement.placeholders import has_placeholder
from whetstone.privacy.structure.notation import Encoded

_MIN_RUN = 12
_RUN: Final = re.compile(rf"[A-Za-z0-9+/_-]{{{_MIN_RUN},}}+={{0,2}}")
_PART: Final = re.compile(rf"[A-Za-z0-9_-]{{{_MIN_RUN},}}+={{0,2}}")
_LINE_END: Final = re.compile(r"\r?\n")
_LETTER = "[A-Za-z0-9+/]"
_BLOCK: Final = re.compile(
    rf"(?<!{_LETTER})(?:"
    + "|".join(
        rf"{_LETTER}{{{width}}}(?:\r?\n{_LETTER}{{{width}}}(?![A-Za-z0-9+/=]))*+(?:\r?\n{_LETTER}{{1,{width}}}={{0,2}}(?!{_LETTER}))?+"
        for width in (76, 64)
    )
    + ")"
)
_NO_BASE64: Final = re.compile(r"[0-9a-fA-F-]+\Z|[a-z_-]+\Z|[A-Z_-]+\Z|[0-9]+\Z")
_PAIR: Final = re.compile(r"[\w.@+-]{1,64}[:@=]\S{3,}\Z")
_MIN_TEXT = 12
_MIN_PAIR = 8
_MIN_SHARE_OF_WORDS = 0.6
_HEAD = 48


class _Layout(NamedTuple):
    """How base64 is written: in lines or not, in which alphabet."""

    line_end: str = ""
    width: int = 0
    url_safe: bool = False
    is_padded: bool = True


_PLAIN = _Layout()
_PATH_PART = _Layout(url_safe=True)


def find(text: str) -> Iterator[Encoded]:
    """Runs of the alphabet that are text; of a run that is none as a whole, its parts between slashes."""
    if "\n" in text:
        for match in _BLOCK.finditer(text):
            line_end = _LINE_END.search(match[0])
            if line_end and (one := _decode(text, *match.span(), _Layout(line_end[0], line_end.start()))):
                yield one
    for match in _RUN.finditer(text):
        start, end = match.span()
        if _is_token_part(text, start, end):
            continue
        one = _decode(text, start, end)
        if one is not None:
            yield one
        elif "/" in match[0] or "+" in match[0]:
            for part in _PART.finditer(match[0]):
                if (one := _decode(text, start + part.start(), start + part.end(), _PATH_PART)) is not None:
                    yield one


def _is_token_part(text: str, start: int, end: int) -> bool:
    """The parts of a JSON web token are a credential as a whole."""
    return text.startswith("eyJ", start) and (
        text[end : end + 1] == "." or text[max(0, start - 1) : start] == "."
    )


def _decode(text: str, start: int, end: int, layout: _Layout = _PLAIN) -> Encoded | None:
    raw = text[start:end]
    if _NO_BASE64.match(raw):
        return None
    body = raw.rstrip("=").replace(layout.line_end, "") if layout.line_end else raw.rstrip("=")
    url_safe = "-" in body or "_" in body
    if url_safe and ("+" in body or "/" in body):
        return None
    decoded = _text_of(body)
    if decoded is None:
        return None
    is_padded = raw.endswith("=") or (len(body) % 4 == 0 and not url_safe)
    own = layout._replace(url_safe=layout.url_safe or url_safe or not is_padded, is_padded=is_padded)
    return Encoded(start, end, decoded, partial(_write_base64, raw, decoded, own))


def _text_of(body: str) -> str | None:
    """What base64 without padding says, if that is text; up to one character that was cut in two is left out."""
    if not _is_text_start(_bytes_of(body[:_HEAD])):
        return None
    for cut in (0, len(body) % 4, len(body) % 4 + 4):
        try:
            decoded = _bytes_of(body[: len(body) - cut]).decode()
        except (UnicodeDecodeError, binascii.Error):
            continue
        return decoded if _is_text(decoded) else None
    return None


def _bytes_of(body: str) -> bytes:
    if len(body) % 4 == 1:
        body = body[:-1]
    return base64.urlsafe_b64decode(body.replace("+", "-").replace("/", "_") + "=" * (-len(body) % 4))


def _is_text_start(data: bytes) -> bool:
    text = data.decode("utf-8", "ignore")
    return len(text.encode()) >= len(data) - 3 and _is_printable(text)


def _is_text(text: str) -> bool:
    """Whether what was read is something that somebody wrote, and not bytes that happen to be printable."""
    if has_placeholder(text):
        return True
    if len(text) < _MIN_TEXT and not (len(text) >= _MIN_PAIR and _PAIR.match(text)):
        return False
    words = sum(c.isalnum() or c.isspace() for c in text)
    return words >= _MIN_SHARE_OF_WORDS * len(text) and _is_printable(text)


def _write_base64(raw: str, decoded: str, layout: _Layout, text: str) -> str:
    if text == decoded:
        return raw
    data = text.encode("utf-8", "replace")
    written = (base64.urlsafe_b64encode(data) if layout.url_safe else base64.b64encode(data)).decode()
    if not layout.is_padded:
        written = written.rstrip("=")
    if not layout.width:
        return written
    return layout.line_end.join(
        written[at : at + layout.width] for at in range(0, len(written), layout.width)
    )


def _is_printable(text: str) -> bool:
    return text.isprintable() or all(c.isprintable() or c in "\n\r\t" for c in text)
