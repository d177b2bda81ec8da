"""What a field of the specification accepts, in a sentence: "batchSize must be a whole number from 1 to 4096"."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic.fields import FieldInfo


def accepts(name: str, field: FieldInfo) -> str:
    """The sentence of the field that requests call `name`."""
    return f"{name} must be {_kind(field.annotation, field.metadata)}"


def _kind(annotation: Any, metadata: list[Any]) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(arguments[0], [*metadata, *arguments[1:]])
    if origin in (Union, UnionType):
        return " or ".join(_kind(each, metadata) for each in arguments if each is not NoneType)
    if origin is Literal:
        words = [f"'{word}'" for word in arguments]
        return words[0] if len(words) == 1 else f"one of {', '.join(words)}"
    if origin is tuple:
        return f"a list, each {_kind(arguments[0], [])}"
    if annotation is bool:
        return "true or false"
    if annotation in (int, float):
        return f"a {'whole ' if annotation is int else ''}number {_bounds(metadata)}".rstrip()
    return "text"


def _bounds(metadata: list[Any]) -> str:
    low = high = ""
    for each in metadata:
        match each:
            case annotated_types.Ge(bound):
                low = f"of {bound} or more"
            case annotated_types.Gt(bound):
                low = f"above {bound}"
            case annotated_types.Le(bound):
                high = f"up to {bound}"
            case annotated_types.Lt(bound):
                high = f"below {bound}"
    if low.startswith("of ") and high.startswith("up to "):
        return f"from {low.split()[1]} to {high.split()[2]}"
    return " and ".join(part for part in (low, high) if part)
