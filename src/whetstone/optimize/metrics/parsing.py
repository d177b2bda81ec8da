"""Reading the answers of language models: JSON somewhere in the text, `name: value` lines, XML-like tags, one word.

More patient than an agent's own parser, so that a metric judges what was decided before how it was written. All
functions take time linear in the text and raise nothing but `UnreadableError`.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

MAX_LENGTH = 20_000
"""Characters of an answer that are read."""
MAX_DEPTH = 64
_MAX_ATTEMPTS = 32
_SHOWN = 160

_FENCE = "```"
_EDGES = " \t\r\n.,;:!?\"'`*_()[]<>"
_SEPARATORS = re.compile(r"[\s_-]+")
_WORD = re.compile(r"[\w-]+")
_LANGUAGE = re.compile(r"[\w-]*[ \t\r]*")


class UnreadableError(Exception):
    """An answer from which nothing can be made out; the text says why."""


def quote(text: str) -> str:
    """The beginning of a text in one line, for feedback."""
    line = " ".join(text[: 2 * _SHOWN].split())
    return f"“{line[:_SHOWN]}…”" if len(line) > _SHOWN else f"“{line}”"


def label(text: str) -> str:
    """A name as it is compared: case, hyphens, blanks and decoration do not count."""
    folded = unicodedata.normalize("NFKC", text[:MAX_LENGTH]).casefold().strip(_EDGES)
    return _SEPARATORS.sub("_", folded)


def unfenced(text: str) -> str:
    """The content of the text's first code fence, else the text; at most `MAX_LENGTH` characters of it."""
    text = text[:MAX_LENGTH]
    _, fence, fenced = text.partition(_FENCE)
    if not fence:
        return text.strip()
    body = fenced.partition(_FENCE)[0]
    language, _, rest = body.partition("\n")
    return (rest if rest.strip() and _LANGUAGE.fullmatch(language) else body).strip()


def json_objects(text: str) -> list[dict[str, Any]]:
    """The outermost JSON objects in a text, in order, whatever stands around them."""
    return _json_from(text, "{")


def json_lists(text: str) -> list[list[Any]]:
    """The outermost JSON lists in a text, in order."""
    return _json_from(text, "[")


def _json_from(text: str, opening: str) -> list[Any]:
    text = text[:MAX_LENGTH]
    found: list[Any] = []
    position = text.find(opening)
    for _ in range(_MAX_ATTEMPTS):
        if position < 0:
            break
        try:
            value, end = _DECODER.raw_decode(text, position)
        except (ValueError, RecursionError):
            end = position + 1
        else:
            if is_shallow(value):
                found.append(value)
        position = text.find(opening, end)
    return found


def parse_json(text: str) -> Any:
    """The value of a text that is JSON as a whole; `UnreadableError` with the parser's message otherwise."""
    if len(text) > MAX_LENGTH:
        raise UnreadableError(f"JSON of more than {MAX_LENGTH} characters")
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"broken JSON ({_reason(error)})") from None
    if not is_shallow(value):
        raise UnreadableError(f"JSON nested more than {MAX_DEPTH} levels deep")
    return value


def is_shallow(value: Any) -> bool:
    """Whether a JSON value is nested at most `MAX_DEPTH` deep, so that recursion over it is safe."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return True
    return False


def field(text: str, *names: str) -> str | None:
    """The value of the first `name: value` line or `<name>value</name>` tag, by the order of `names` (patterns)."""
    for name in names:
        match = _field_pattern(name).search(text[:MAX_LENGTH])
        if match:
            return (match["line"] or match["tag"] or "").strip()
    return None


def single_word(text: str) -> str | None:
    """The word that a text consists of, without quotes, emphasis and punctuation; None for more than one."""
    bare = unfenced(text).strip(_EDGES)
    return bare if _WORD.fullmatch(bare) else None


def why_unreadable(text: str) -> str:
    """What keeps an answer without readable JSON from being read."""
    body = unfenced(text)
    if not body:
        return "the answer is empty"
    if "{" not in body:
        return "no JSON and no labelled line in it"
    try:
        parse_json(body[body.index("{") :])
    except UnreadableError as error:
        return str(error)
    return "its JSON lacks the expected keys"


def _field_pattern(name: str) -> re.Pattern[str]:
    # `actions[2]: A,B` is TOON's notation of a list; `re` keeps the compiled patterns.
    line = rf"^[ \t>*-]{{0,8}}{name}\*{{0,2}}(?:\[\d{{0,4}}\])?[ \t]*[:=][ \t]*(?P<line>\S[^\n]*)$"
    tag = rf"<{name}>(?P<tag>[^<]*)</{name}>"
    return re.compile(f"{line}|{tag}", re.MULTILINE | re.IGNORECASE)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno} column {error.colno}"
    return "nested too deep" if isinstance(error, RecursionError) else str(error)
