"""Whether an answer keeps a JSON schema: the one it was asked for, or the one that the right answer shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import orjson

from whetstone.optimize.metrics.types import Answer

if TYPE_CHECKING:  # rows are built of answers, so at run time they import this package
    from whetstone.optimize.rows.examples import Example

_SHOWN = 160
_BACKTRACKS = 10_000  # a pattern of a schema must not stall a job


def schema_of(example: Example | None) -> Mapping[str, Any] | None:
    """The schema that a row asks for: of its response format, else of the tool that its answer calls."""
    if example is None:
        return None
    response_format = getattr(example, "response_format", None)
    if isinstance(response_format, Mapping):
        named = response_format.get("json_schema", response_format)
        schema = named.get("schema") if isinstance(named, Mapping) else None
        if isinstance(schema, Mapping):
            return schema
    return _tool_schema(example)


def inferred(value: Any) -> dict[str, Any]:
    """The schema that a right answer shows: types and keys. Null may be anything, and absent."""
    if isinstance(value, Mapping):
        return {
            "type": "object",
            "required": sorted(key for key, each in value.items() if each is not None),
            "properties": {key: inferred(each) for key, each in value.items()},
        }
    if isinstance(value, list):
        shapes = [inferred(each) for each in value]
        same = bool(shapes) and all(shape == shapes[0] for shape in shapes)
        return {"type": "array", "items": shapes[0] if same else {}}
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, int | float):
        return {"type": "number"}
    return {"type": "string"} if isinstance(value, str) else {}


def breach(schema: Mapping[str, Any], value: Any) -> str | None:
    """How `value` breaks the schema, None where it keeps it. A schema that is none is kept by everything."""
    try:
        validator = _validator(orjson.dumps(schema, option=orjson.OPT_SORT_KEYS))
        error = None if validator is None else next(iter(validator.iter_errors(value)), None)
    except (TypeError, ValueError):  # lone surrogates, numbers beyond JSON
        return "it holds text or numbers that JSON cannot carry"
    if error is None:
        return None
    where = "/".join(str(part) for part in error.instance_path)
    return f"{where[:_SHOWN]}: {error.message[:_SHOWN]}" if where else error.message[:_SHOWN]


@lru_cache(maxsize=1024)
def _validator(schema: bytes) -> jsonschema_rs.Validator | None:
    try:
        return jsonschema_rs.validator_for(
            orjson.loads(schema),
            retriever=_refuse,
            pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=_BACKTRACKS),
        )
    except ValueError:  # not a schema, or one that refers to others
        return None


def _refuse(uri: str) -> Any:
    raise ValueError(f"{uri} is not fetched")


def _tool_schema(example: Example) -> Mapping[str, Any] | None:
    name = called(example.expected)
    for tool in example.tools or ():
        function = tool.get("function")
        if name and isinstance(function, Mapping) and function.get("name") == name:
            parameters = function.get("parameters")
            return parameters if isinstance(parameters, Mapping) else None
    return None


def called(answer: Answer) -> str | None:
    """The name of the first tool that an answer calls."""
    calls: Sequence[Any] = answer.tool_calls
    for call in calls[:1]:
        function = call.get("function", call) if isinstance(call, Mapping) else None
        name = function.get("name") if isinstance(function, Mapping) else None
        return name if isinstance(name, str) else None
    return None
