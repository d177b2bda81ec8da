"""Expected arguments of which several values are right, in the form of BFCL's possible answers.

Source: the Berkeley Function-Calling Leaderboard (Patil et al. 2025), package `bfcl-eval`, `possible_answer`. Each
argument has a list of accepted values; the empty text among them says that the argument may be left out. An
accepted object gives, again, the accepted values of each of its fields; an accepted list is one whole value. An
expected tool call carries them as `acceptedArguments`::

    {"name": "ride", "acceptedArguments": {"to": ["Berkeley", "Berkeley, CA"], "type": ["plus", ""]}}

Texts are compared without blanks and the signs `, . / - _ * ^`, as BFCL does; unlike there, only texts that hold a
letter, so that "-1.5" is not "15".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from whetstone.optimize.metrics.values import fold, folded_keys, same_value

_IGNORED = re.compile(r"[ ,./\-_*^]")


def bfcl_calls(ground_truth: Sequence[Mapping[str, Mapping[str, Any]]]) -> tuple[dict[str, Any], ...]:
    """The expected tool calls of one BFCL row, from its `ground_truth`: `[{function: {argument: [values]}}]`."""
    return tuple(
        {"name": name, "arguments": first_accepted(accepted), "acceptedArguments": dict(accepted)}
        for call in ground_truth
        for name, accepted in call.items()
    )


def without_accepted(tool_calls: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Tool calls as a model would write them: without their `acceptedArguments`, whose first values stand in for
    arguments that are not given."""
    return [_plain(call) for call in tool_calls]


def first_accepted(accepted: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments that are right: of each the first accepted value, without those that may be left out."""
    return {
        str(name): _concrete(options(each)[0]) for name, each in accepted.items() if not is_optional(each)
    }


def is_optional(accepted: Any) -> bool:
    """Whether an argument may be left out; null is what an absent argument is."""
    return not options(accepted) or any(each is None or each == "" for each in options(accepted))


def is_accepted(accepted: Any, value: Any) -> bool:
    """Whether `value` is one of the accepted ones."""
    return any(_fits(option, value) for option in options(accepted))


def options(accepted: Any) -> Sequence[Any]:
    """The accepted values; one that is not in a list is the only one."""
    return accepted if isinstance(accepted, list | tuple) else [accepted]


def _plain(call: Mapping[str, Any]) -> dict[str, Any]:
    function: Any = call.get("function")
    nested = isinstance(function, Mapping)
    body = {key: value for key, value in (function if nested else call).items() if key != "acceptedArguments"}
    accepted = call.get("acceptedArguments", function.get("acceptedArguments") if nested else None)
    if isinstance(accepted, Mapping) and body.get("arguments") in (None, "", "{}", {}):
        arguments = first_accepted(accepted)
        body["arguments"] = json.dumps(arguments, ensure_ascii=False) if nested else arguments
    if not nested:
        return body
    return {key: value for key, value in call.items() if key != "acceptedArguments"} | {"function": body}


def _concrete(option: Any) -> Any:
    if isinstance(option, Mapping):
        return first_accepted(option)
    return [_concrete(each) for each in option] if isinstance(option, list | tuple) else option


def _fits(option: Any, value: Any) -> bool:
    if isinstance(option, Mapping) and isinstance(value, Mapping):
        wanted, got = folded_keys(option), folded_keys(value)
        return all(name in got or is_optional(wanted[name]) for name in wanted) and all(
            name in wanted and is_accepted(wanted[name], got[name]) for name in got
        )
    if isinstance(option, list | tuple) and isinstance(value, list | tuple):
        return len(option) == len(value) and all(map(_fits, option, value))
    if isinstance(option, str) and isinstance(value, str):
        return _loose(option) == _loose(value)
    return same_value(option, value)


def _loose(text: str) -> str:
    folded = fold(text)
    if not any(character.isalpha() for character in folded):
        return folded
    return _IGNORED.sub("", folded).replace("'", '"')
