"""What is indexed of a trajectory: the tokens of all its texts, from its rows in the database."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from whetstone.trajectories.search.fields import JSON_COLUMNS, SHARED_COLUMNS, TEXT_COLUMNS
from whetstone.trajectories.search.letters import MAX_SEARCH, fold
from whetstone.trajectories.search.tokens import BOUNDARY, SEPARATOR, boundary_before, tokenize

VERSION_OF_DOCUMENTS = 1
"""Changes with everything that decides which tokens a trajectory has."""

_SHARED_TEXTS = 200  # texts that are remembered
_SHARED_CHARACTERS = 2_000_000
_OWNER_COLUMNS = 2  # the trajectory and the row's own order, in front of each row

Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Query:
    """The statement that reads what is searched of one table, for an array of trajectory keys."""

    table: str
    sql: str


def queries(dialect: str) -> list[Query]:
    """One statement a table; its one parameter is a JSON array on SQLite, an array of bigint on PostgreSQL."""
    return [Query(table, _sql(table, dialect)) for table in TEXT_COLUMNS]


def shared_query(dialect: str) -> str:
    """The statement that reads shared texts: `(key, body)` for an array of keys."""
    return f"SELECT key, body FROM shared_texts WHERE key {_among(dialect)}"  # noqa: S608


def _sql(table: str, dialect: str) -> str:
    owner = "key" if table == "trajectories" else "trajectory_key"
    order = "value" if table == "trajectory_labels" else "key"
    columns = [owner, order, *TEXT_COLUMNS[table]]
    columns += [f"CAST({name} AS TEXT)" for name in JSON_COLUMNS[table]]
    columns += SHARED_COLUMNS if table == "llm_calls" else ()
    return f"SELECT {', '.join(columns)} FROM {table} WHERE {owner} {_among(dialect)}"  # noqa: S608


def _among(dialect: str) -> str:
    return "IN (SELECT value FROM json_each(?))" if dialect == "sqlite" else "= ANY(CAST($1 AS bigint[]))"


def first_light(keys: Sequence[int], calls: Mapping[int, int], most: int) -> Sequence[int]:
    """The first of `keys` whose trajectories together have at most `most` calls; at least one."""
    total = 0
    for index, key in enumerate(keys):
        total += calls.get(key, 0)
        if total > most and index:
            return keys[:index]
    return keys


class SharedTexts:
    """Tokens of texts that many trajectories share, made once; bounded."""

    def __init__(self) -> None:
        self._texts: OrderedDict[int, str] = OrderedDict()
        self._tokens: dict[tuple[int, bool], list[str]] = {}
        self._characters = 0

    def missing(self, calls: Iterable[Row]) -> list[int]:
        """Keys of the shared texts of these rows of `llm_calls` that are not known yet."""
        wanted = {key for call in calls for key in call[-len(SHARED_COLUMNS) :] if key is not None}
        return sorted(wanted - self._texts.keys())

    def add(self, texts: Iterable[Row]) -> None:
        """Remember `(key, body)` rows."""
        for key, body in texts:
            self._texts[key] = body
            self._characters += len(body)

    def tokens(self, key: int, *, json: bool) -> list[str]:
        """The tokens of a text that was added; none where it is gone from the database."""
        if (key, json) not in self._tokens:
            self._tokens[key, json] = tokenize(fold(self._texts.get(key, "")), json=json)
        return self._tokens[key, json]

    def shrink(self) -> None:
        """Forget the oldest texts where there are too many."""
        while self._texts and (len(self._texts) > _SHARED_TEXTS or self._characters > _SHARED_CHARACTERS):
            key, body = self._texts.popitem(last=False)
            self._characters -= len(body)
            for json in (False, True):
                self._tokens.pop((key, json), None)


def documents(
    keys: Iterable[int], rows: Mapping[str, Iterable[Row]], shared: SharedTexts
) -> dict[int, list[str]]:
    """The tokens of each of these trajectories that exists, from the rows that `queries` read, by table."""
    owned: dict[str, defaultdict[int, list[Row]]] = {}
    for table in TEXT_COLUMNS:
        owned[table] = defaultdict(list)
        for row in rows[table]:
            owned[table][row[0]].append(row)
    found = {}
    for key in keys:
        if key in owned["trajectories"]:
            document = _Document(shared)
            for table, by_owner in owned.items():
                document.add_rows(table, sorted(by_owner.get(key, ()), key=_order))
            found[key] = document.tokens
    return found


def joined(tokens: Iterable[str]) -> str:
    """Tokens as one text, in which a run of tokens is a substring; begins and ends with a separator."""
    return f"{SEPARATOR}{SEPARATOR.join(tokens)}{SEPARATOR}"


def _order(row: Row) -> Any:
    return row[1]


class _Document:
    """The tokens of one trajectory. What is said twice is indexed once."""

    def __init__(self, shared: SharedTexts) -> None:
        self.tokens: list[str] = []
        self._shared = shared
        self._known: set[tuple[str, bool]] = set()
        self._known_shared: set[tuple[int, bool]] = set()
        self._last: dict[tuple[str, int], str] = {}

    def add_rows(self, table: str, rows: Sequence[Row]) -> None:
        plain = len(TEXT_COLUMNS[table]) + _OWNER_COLUMNS
        end = plain + len(JSON_COLUMNS[table])
        for row in rows:
            for index in range(_OWNER_COLUMNS, end):
                if text := row[index]:
                    self._add((table, index), text, json=index >= plain)
            for json, key in enumerate(row[end:]):
                if key is not None and (key, bool(json)) not in self._known_shared:
                    self._known_shared.add((key, bool(json)))
                    self._append(self._shared.tokens(key, json=bool(json)))

    def _add(self, column: tuple[str, int], text: str, *, json: bool) -> None:
        if (text, json) in self._known:
            return
        self._known.add((text, json))
        if len(text) > 2 * MAX_SEARCH:
            last, self._last[column] = self._last.get(column, ""), text
            text = text[_news(last, text) :]
        self._append(tokenize(fold(text), json=json))

    def _append(self, tokens: list[str]) -> None:
        self.tokens.append(BOUNDARY)
        self.tokens += tokens


def _news(last: str, text: str) -> int:
    """Where to begin in `text`, which may continue `last`, so that no occurrence of a search text is lost.

    An occurrence that lies within what both have in common is found in `last`.
    """
    common = _common_prefix(last, text)
    return boundary_before(text, common - MAX_SEARCH) if common > MAX_SEARCH else 0


def _common_prefix(one: str, other: str) -> int:
    low, high = 0, min(len(one), len(other))
    if one[: MAX_SEARCH + 1] != other[: MAX_SEARCH + 1]:
        return 0
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
