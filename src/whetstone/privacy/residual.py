"""A second look at what was written: does any detector still find something in it?"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import orjson

from whetstone.privacy.policy import Policy
from whetstone.privacy.structure.shape import IDENTIFIER, TRAJECTORY, Shape

Residuals = Callable[[Iterable[str]], Counter[str]]

_BATCH_BYTES = 200_000
_SHORT = 200
_MOST_SEEN = 1_000_000
# Below these keys of rows and files everything is content, whatever its keys are called.
_CONTENT: Final = frozenset(
    [
        "data", "query", "arguments", "args", "input", "output", "result", "parameters", "inputSchema", "input_schema",
        "environmentState", "observation", "trajectory_metadata", "providerOptions", "responseSchema", "content",
    ]
)  # fmt: skip
_OPTIONS = orjson.OPT_NON_STR_KEYS


class ResidualScan:
    """Looks once at every different text of written rows, and counts what is found by policy and kind.

    Identifiers of the document form are left out: the filter keeps them on purpose, unless they are credentials or
    listed. Give it the parsed JSON values of the files. Memory is bounded: after a million different texts, known ones
    are looked at again.
    """

    def __init__(self, residuals: Residuals) -> None:
        self._residuals = residuals
        self._seen: defaultdict[Policy, set[bytes]] = defaultdict(set)
        self._waiting: defaultdict[Policy, list[str]] = defaultdict(list)
        self._waiting_bytes = 0
        self._found: Counter[tuple[Policy, str]] = Counter()
        self.scanned_bytes = 0

    def add(self, value: Any, size: int, policy: Policy) -> None:
        """Take in one row or document that takes `size` bytes in its file."""
        self.scanned_bytes += size
        for text in _texts(value, content=False):
            digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
            seen = self._seen[policy]
            if digest not in seen:
                if len(seen) >= _MOST_SEEN:
                    seen.clear()
                seen.add(digest)
                self._waiting[policy].append(text)
                self._waiting_bytes += len(text)
        if self._waiting_bytes >= _BATCH_BYTES:
            self._look()

    def found(self, policy: Policy | None = None) -> Counter[str]:
        """What was found, by kind; under one policy, or under all."""
        self._look()
        kinds: Counter[str] = Counter()
        for (under, kind), number in self._found.items():
            if policy in (None, under):
                kinds[kind] += number
        return kinds

    def to_dict(self) -> dict[str, Any]:
        """JSON form for the attestation."""
        by_kind = self.found()
        by_policy: Counter[str] = Counter()
        for (policy, _), number in self._found.items():
            by_policy[policy.value] += number
        return {
            "scannedBytes": self.scanned_bytes,
            "found": by_kind.total(),
            "byKind": dict(sorted(by_kind.items())),
            "byPolicy": dict(sorted(by_policy.items())),
        }

    def _look(self) -> None:
        for policy, texts in self._waiting.items():
            for kind, number in self._residuals(texts).items():
                self._found[policy, kind] += number
        self._waiting.clear()
        self._waiting_bytes = 0


def _texts(value: Any, *, content: bool) -> Iterator[str]:
    """The texts of a JSON value: long strings alone, what is short together with its key and its neighbours."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _of_object(value, content)
    elif isinstance(value, list | tuple):
        flat = [item for item in value if not isinstance(item, dict | list | tuple)]
        if flat:
            yield orjson.dumps(flat, option=_OPTIONS).decode()
        for item in value:
            if isinstance(item, dict | list | tuple):
                yield from _texts(item, content=content)


def _of_object(members: Mapping[str, Any], content: bool) -> Iterator[str]:
    flat: dict[str, Any] = {}
    for key, value in members.items():
        if isinstance(value, Mapping | list | tuple):
            flat[key] = None
            yield from _texts(value, content=content or key in _CONTENT)
        elif key == "stepsJson" and isinstance(value, str):
            yield from _texts(orjson.loads(value), content=content)
        elif not content and _is_identifier(key, value):
            continue
        elif isinstance(value, str) and len(value) > _SHORT:
            flat[key] = None
            yield value
        else:
            flat[key] = value
    if flat:
        yield orjson.dumps(flat, option=_OPTIONS).decode()


def _is_identifier(key: str, value: Any) -> bool:
    return key in _IDENTIFIERS and isinstance(value, str) and IDENTIFIER.match(value) is not None


def _identifier_keys(shape: Shape, seen: set[int]) -> set[str]:
    seen.add(id(shape))
    keys = set(shape.ids)
    for part in shape.parts.values():
        if id(part) not in seen:
            keys |= _identifier_keys(part, seen)
    return keys


def _snake(key: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in key)


def _row_keys(keys: set[str]) -> set[str]:
    """The same identifiers as rows of datasets spell them: `call_id`, `source_call_id`, and those of rows alone."""
    snake = {_snake(key) for key in keys}
    rows = {
        "task_type",
        "source_dataset",
        "trajectory_source",
        "source_call_purpose",
        "group",
        "split",
        "format",
    }
    return keys | snake | {f"source_{key}" for key in snake} | rows | {"boundary", "expected_from"}


_IDENTIFIERS: Final = frozenset(_row_keys(_identifier_keys(TRAJECTORY, set())))
