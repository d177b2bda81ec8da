"""Metric of action and tool calls: half for the right name, half for the right arguments.

Source of the rule: exact name and per-argument match as in function-calling benchmarks such as BFCL (Patil et al.
2025), with partial credit for arguments, so that a prompt that gets four of five right beats one with two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from whetstone.optimize.metrics.accepted import is_accepted, is_optional, options
from whetstone.optimize.metrics.calls import Call, Plan, read_plan, same_unread
from whetstone.optimize.metrics.parsing import UnreadableError, label, quote
from whetstone.optimize.metrics.types import Answer, Score
from whetstone.optimize.metrics.values import folded_keys, same_value

_NAME_WEIGHT = 0.5
_MAX_PAIRS = 256  # beyond, calls are compared in order, which takes linear time
_SHOWN_PROBLEMS = 5


@dataclass(frozen=True)
class Comparison:
    """One expected call beside one that was made: how many of the arguments are right, and what is wrong."""

    named: bool
    right: int = 0
    total: int = 0
    problems: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """The share of the arguments that is right."""
        return self.right / self.total if self.total else 1.0

    @property
    def value(self) -> float:
        """What the call earns."""
        return _NAME_WEIGHT + (1 - _NAME_WEIGHT) * self.share if self.named else 0.0


def action(expected: Answer, given: Answer) -> Score:
    """The share of the calls that is right; to call nothing is right where nothing is expected.

    A call with the right name earns 0.5, and the share of its arguments that are right another 0.5; with a wrong
    name it earns nothing. Tool calls are compared in any order, actions of a plan in order. An answer that cannot
    be read scores 0.
    """
    try:
        wanted = read_plan(expected)
    except UnreadableError:
        same = same_unread(expected, given)
        return Score(float(same), f"The expected answer is no action, but the text {quote(expected.text)}.")
    try:
        got = read_plan(given)
    except UnreadableError as error:
        reason = f"the answer cannot be read: {error}; it was {quote(given.text)}"
        return Score(0.0, f"Expected {describe(wanted)}, but {reason}.", parsed=False)
    if not (given.text.strip() or given.tool_calls) and (expected.text.strip() or expected.tool_calls):
        return Score(0.0, f"Expected {describe(wanted)}, but the answer is empty.", parsed=False)
    if not wanted.calls and not got.calls and (wanted.spoken or wanted.parallel or not got.spoken):
        return Score(1.0, "Right: no action.")
    if got.spoken:
        reason = f"the answer is plain text: {quote(given.text)}"
        return Score(0.0, f"Expected {describe(wanted)}, but {reason}.", parsed=False)
    pairs = compare(wanted, got)
    value = sum(pair.value for pair in pairs) / max(len(wanted.calls), len(got.calls))
    if value == 1:
        return Score(1.0, f"Right: {describe(wanted)}.")
    feedback = f"Expected {describe(wanted)}, but the answer calls {describe(got)}."
    return Score(value, feedback + _advice(wanted, got, pairs))


def compare(wanted: Plan, got: Plan) -> list[Comparison]:
    """The expected calls beside those that were made: tool calls the best fitting ones, else in order."""
    if not wanted.parallel or len(wanted.calls) * len(got.calls) > _MAX_PAIRS:
        return list(map(compare_call, wanted.calls, got.calls))
    if len(wanted.calls) == len(got.calls) == 1:
        return [compare_call(wanted.calls[0], got.calls[0])]
    return list(_best_pairs(wanted.calls, got.calls))


def compare_call(wanted: Call, got: Call) -> Comparison:
    """One call beside another."""
    if name_key(wanted.name) != name_key(got.name):
        return Comparison(named=False, problems=(f"{got.name[:80]} is called instead of {wanted.name[:80]}",))
    checks = list(_arguments(wanted, got))
    problems = tuple(problem for problem in checks if problem)
    return Comparison(True, len(checks) - len(problems), len(checks), problems)


def name_key(name: str) -> str:
    """A call's name as it is compared. Providers that allow no dot in names have an underscore there."""
    return label(name).replace(".", "_")


def describe(plan: Plan) -> str:
    """The plan in one line."""
    if not plan.calls:
        return "no action"
    return ", ".join(
        f"{call.name[:80]}({', '.join(f'{key[:40]}={_short(value)}' for key, value in list(call.arguments.items())[:20])})"
        for call in plan.calls[:5]
    )


def _best_pairs(wanted: Sequence[Call], got: Sequence[Call]) -> Iterator[Comparison]:
    found = [(compare_call(one, other), i, j) for i, one in enumerate(wanted) for j, other in enumerate(got)]
    found.sort(key=lambda pair: -pair[0].value)
    left, right = set(range(len(wanted))), set(range(len(got)))
    for comparison, i, j in found:
        if i in left and j in right:
            left.discard(i)
            right.discard(j)
            yield comparison


def _arguments(wanted: Call, got: Call) -> Iterator[str]:
    """For each argument that counts what is wrong with it; empty where it is right."""
    mine = folded_keys(wanted.arguments if wanted.accepted is None else wanted.accepted)
    theirs = folded_keys(got.arguments)
    for name, value in mine.items():
        choice = options(value) if wanted.accepted is not None else [value]
        if name not in theirs:
            if wanted.accepted is None or not is_optional(value):
                yield f"{name[:40]} is missing, {_choice(choice)} is right"
        elif not (
            same_value(value, theirs[name]) if wanted.accepted is None else is_accepted(value, theirs[name])
        ):
            yield f"{name[:40]} is {_short(theirs[name])}, {_choice(choice)} is right"
        else:
            yield ""
    yield from (f"{name[:40]} should not be given" for name in theirs if name not in mine)


def _advice(wanted: Plan, got: Plan, pairs: Sequence[Comparison]) -> str:
    if not wanted.calls:
        return " Call nothing where nothing fits or what is needed is missing."
    if not got.calls:
        return " An action is needed here."
    problems = [problem for pair in pairs for problem in pair.problems]
    if len(wanted.calls) != len(got.calls):
        problems.append(f"{len(wanted.calls)} calls are needed, not {len(got.calls)}")
    return f" Wrong: {'; '.join(problems[:_SHOWN_PROBLEMS])}."


def _choice(values: Sequence[object]) -> str:
    return " or ".join(_short(value) for value in values[:3] if value != "") or "nothing"


def _short(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:
        return "a number too long to show"
    return text if len(text) <= 80 else f"{text[:79]}…"
