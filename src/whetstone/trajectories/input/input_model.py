"""What the input records share: their base class, and values that follow rules of their own."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator
from pydantic.alias_generators import to_camel

from whetstone.trajectories.input.coercion import to_array, to_number, to_object, to_text


def _status(value: Any) -> Any:
    return "error" if value == "terminated" else value


def _final_status(value: Any) -> Any:
    if value == "active":
        msg = "a trajectory ends as completed, error or timeout"
        raise ValueError(msg)
    return _status("completed" if value is None else value)


def _strict_number(value: Any) -> Any:
    number = to_number(value)
    if value is not None and number is None:
        msg = "must be a finite number of at most 10^12"
        raise ValueError(msg)
    return number


def _items(value: Any) -> Any:
    return [] if value is None else value


def _correction(value: Any) -> dict[str, Any] | None:
    if value is None:
        return None
    given = {"text": value} if isinstance(value, str) else to_object(value) or {}
    parts = {
        "text": to_text(given.get("text")),
        "toolCalls": to_array(given.get("toolCalls")),
        "source": to_text(given.get("source")),
        "comment": to_text(given.get("comment")),
    }
    correction = {name: part for name, part in parts.items() if part is not None}
    if "text" not in correction and "toolCalls" not in correction:
        msg = "a correction is a text, or an object with text or toolCalls"
        raise ValueError(msg)
    return correction


T = TypeVar("T")

Status = Annotated[Literal["active", "completed", "error", "timeout"] | None, BeforeValidator(_status)]
FinalStatus = Annotated[Literal["completed", "error", "timeout"], BeforeValidator(_final_status)]
StrictNumber = Annotated[float | None, BeforeValidator(_strict_number)]
Correction = Annotated[dict[str, Any] | None, BeforeValidator(_correction)]
Items = Annotated[list[T], BeforeValidator(_items)]


class InputModel(BaseModel):
    """A record that a client sends: camelCase or snake_case names, unknown members ignored."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="ignore", protected_namespaces=()
    )

    # Wire name -> other wire names, taken in order when the first is missing or null.
    synonyms: ClassVar[dict[str, tuple[str, ...]]] = {}
    # The same, each with those of its other names that are no members: read, they must not count as unknown ones.
    _plan: ClassVar[tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]] = ()

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Work out once what every record needs."""
        members = {field.alias for field in cls.model_fields.values()}
        cls._plan = tuple(
            (name, others, tuple(other for other in others if other not in members))
            for name, others in cls.synonyms.items()
        )

    @model_validator(mode="before")
    @classmethod
    def _fill_from_synonyms(cls, value: Any) -> Any:
        if not isinstance(value, dict) or not cls._plan:
            return value
        filled = dict(value)
        for name, others, foreign in cls._plan:
            if filled.get(name) is None:
                filled[name] = None
                for other in others:
                    if (given := value.get(other)) is not None:
                        filled[name] = given
                        break
            for other in foreign:
                filled.pop(other, None)
        return filled
