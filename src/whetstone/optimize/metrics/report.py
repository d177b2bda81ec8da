"""What an evaluation says beyond its mean: per class, per field, per kind of mistake.

For the artifact and the job's record, so that it holds names of classes, fields and counts, but no free text of the
rows: a name is shown only where it is short and the right answers hold it at least twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from whetstone.optimize.metrics.action import compare, name_key
from whetstone.optimize.metrics.calls import Plan, read_plan
from whetstone.optimize.metrics.classes import NAMED_AT_LEAST, class_report, is_name
from whetstone.optimize.metrics.decision import decided, routed
from whetstone.optimize.metrics.exact import labelled
from whetstone.optimize.metrics.json_fields import Field, compare_fields, read_json
from whetstone.optimize.metrics.parsing import UnreadableError
from whetstone.optimize.metrics.types import Answer

if TYPE_CHECKING:  # rows are built of answers, so at run time they import this package
    from whetstone.optimize.rows.examples import Example

_MAX_FIELDS = 100


@dataclass(frozen=True)
class Judged:
    """One row of an evaluation; `given` and `value` are None where the call failed."""

    example: Example
    given: Answer | None
    value: float | None
    objectives: Mapping[str, float] = field(default_factory=dict)


def report(metric_name: str, rows: Iterable[Judged]) -> dict[str, Any]:
    """The report of an evaluation, JSON-able, with camelCase keys.

    Always `metric`, `rows`, `failed`, `mean` (None without an answer) and, where the metric has secondary ones,
    `objectives`. Further `accuracy`, `macroF1`, `classes` and `confusion` of `decision`, `routing` and `exact`;
    `nameAccuracy`, `argumentAccuracy`, `abstention`, `unparsable` of `action`; `fields`, `extraFields`,
    `unparsable` of `json`.
    """
    every = list(rows)
    answered = [row for row in every if row.given is not None and row.value is not None]
    values = [row.value for row in answered if row.value is not None]
    found: dict[str, Any] = {
        "metric": metric_name,
        "rows": len(every),
        "failed": len(every) - len(answered),
        "mean": _mean(values),
    }
    objectives = _objectives(answered)
    if objectives:
        found["objectives"] = objectives
    details = _DETAILS.get(metric_name)
    triples = [(row.example.id, row.example.expected, row.given) for row in answered if row.given is not None]
    return found | (details(triples) if details and triples else {})


_Rows = Sequence[tuple[str, Answer, Answer]]  # id of the row, expected, given


def _classes(reading: Callable[[Answer], str | None]) -> Callable[[_Rows], dict[str, Any]]:
    return lambda rows: class_report(
        [(row, reading(expected), reading(given)) for row, expected, given in rows]
    )


def _action(rows: _Rows) -> dict[str, Any]:
    counts: Counter[str] = Counter()
    arguments: list[float] = []
    for _, expected, given in rows:
        wanted, got = _plan(expected), _plan(given)
        if wanted is None:
            continue
        counts["unparsable"] += got is None
        made = got or Plan(())
        if not wanted.calls:
            counts["expected"] += 1
            counts["right"] += got is not None and not made.calls
            counts["falseCalls"] += bool(made.calls)
            continue
        counts["calling"] += 1
        counts["missedCalls"] += got is not None and not made.calls
        counts["named"] += _names(wanted) == _names(made)
        arguments += [each.share for each in compare(wanted, made) if each.named]
    abstention = {key: counts[key] for key in ("expected", "right", "falseCalls", "missedCalls")}
    return {
        "nameAccuracy": counts["named"] / counts["calling"] if counts["calling"] else None,
        "argumentAccuracy": _mean(arguments),
        "abstention": abstention,
        "unparsable": counts["unparsable"],
    }


def _json(rows: _Rows) -> dict[str, Any]:
    fields: dict[str, Field] = {}
    holders: dict[str, set[str]] = {}
    support: Counter[str] = Counter()
    unparsable = 0
    for row, expected, given in rows:
        try:
            wanted = read_json(expected).value
        except UnreadableError:
            continue
        try:
            got = read_json(given, like=wanted).value
        except UnreadableError:
            unparsable += 1
            got = {}
        for path, each in compare_fields(wanted, got).items():
            total = fields.setdefault(path, Field())
            total.right += each.right
            total.places += each.places
            total.expected = total.expected or each.expected
            if each.expected:
                support[path] += 1
                holders.setdefault(path, set()).add(row)
    named = [path for path in holders if len(holders[path]) >= NAMED_AT_LEAST and is_name(path)]
    named = sorted(named, key=lambda path: -support[path])[:_MAX_FIELDS]
    return {
        "fields": {path: {"accuracy": fields[path].share, "support": support[path]} for path in named},
        "extraFields": sum(not each.expected for each in fields.values()),
        "unparsable": unparsable,
    }


_DETAILS: Mapping[str, Callable[[_Rows], dict[str, Any]]] = {
    "decision": _classes(decided),
    "routing": _classes(routed),
    "exact": _classes(lambda answer: labelled(answer) or None),
    "action": _action,
    "json": _json,
}


def _plan(answer: Answer) -> Plan | None:
    try:
        return read_plan(answer)
    except UnreadableError:
        return None


def _names(plan: Plan) -> list[str]:
    names = [name_key(call.name) for call in plan.calls]
    return sorted(names) if plan.parallel else names


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _objectives(rows: Sequence[Judged]) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row.objectives.items():
            found.setdefault(name, []).append(value)
    return {name: sum(values) / len(values) for name, values in sorted(found.items())}
