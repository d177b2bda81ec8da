"""Metric of action and tool calls: half for the right name, half for the right arguments.

Source of the rule: exact name and per-argument match as in function-calling benchmarks such as BFCL (Patil et al.
2025), with partial credit for arguments, so that a prompt that gets four of five right beats one with two.
"""

from __future__ import annotations

from collections.abc import Sequence

from whetstone.optimize.metrics.calls import Call, Plan, folded_keys, read_plan, same_value
from whetstone.optimize.metrics.parsing import UnreadableError, label, quote
from whetstone.optimize.metrics.types import Answer, Score

_NAME_WEIGHT = 0.5


def action(expected: Answer, given: Answer) -> Score:
    """The share of the calls, compared in order, that is right; to call nothing is right where nothing is expected.

    A call with the right name earns 0.5, and the share of its arguments that are right another 0.5; with a wrong
    name it earns nothing. An answer that cannot be read scores 0.
    """
    try:
        wanted = read_plan(expected)
    except UnreadableError:
        same = label(expected.text) == label(given.text)
        return Score(float(same), f"The expected answer is no action, but the text {quote(expected.text)}.")
    try:
        got = read_plan(given)
    except UnreadableError as error:
        reason = f"the answer cannot be read: {error}; it was {quote(given.text)}"
        return Score(0.0, f"Expected {_describe(wanted)}, but {reason}.", parsed=False)
    if not wanted.calls and not got.calls and (wanted.spoken or not got.spoken):
        return Score(1.0, "Right: no action.")
    if got.spoken:
        reason = f"the answer is plain text: {quote(given.text)}"
        return Score(0.0, f"Expected {_describe(wanted)}, but {reason}.", parsed=False)
    value = _score(wanted.calls, got.calls)
    if value == 1:
        return Score(1.0, f"Right: {_describe(wanted)}.")
    return Score(value, f"Expected {_describe(wanted)}, but the answer calls {_describe(got)}.")


def _score(wanted: Sequence[Call], got: Sequence[Call]) -> float:
    earned = sum(map(_score_call, wanted, got))
    return earned / max(len(wanted), len(got))


def _score_call(wanted: Call, got: Call) -> float:
    if label(wanted.name) != label(got.name):
        return 0.0
    mine, theirs = folded_keys(wanted.arguments), folded_keys(got.arguments)
    names = mine.keys() | theirs.keys()
    if not names:
        return 1.0
    right = sum(name in mine and name in theirs and same_value(mine[name], theirs[name]) for name in names)
    return _NAME_WEIGHT + (1 - _NAME_WEIGHT) * right / len(names)


def _describe(plan: Plan) -> str:
    if not plan.calls:
        return "no action"
    return ", ".join(
        f"{call.name[:80]}({', '.join(f'{key}={_short(value)}' for key, value in call.arguments.items())})"
        for call in plan.calls[:5]
    )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
