"""What all wire models share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, ValidationError, WrapValidator
from pydantic.alias_generators import to_camel

T = TypeVar("T")


def wire_config(*examples: dict[str, Any], required: tuple[str, ...] = ()) -> ConfigDict:
    """camelCase names; unknown keys pass (contract §1.2); `examples` for the documentation.

    `required` keys have a default all the same, so that a validator refuses their absence in its own words.
    """
    config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow")
    if examples:
        extra: dict[str, Any] = {"examples": list(examples)}
        config["json_schema_extra"] = extra | ({"required": list(required)} if required else {})
    return config


class WireModel(BaseModel):
    """A JSON object on the wire."""

    model_config = wire_config()

    def sent(self) -> dict[str, Any]:
        """The keys that the client sent, unknown ones included, by their names on the wire."""
        return self.model_dump(by_alias=True, exclude_unset=True, warnings=False)


def _or_none(value: Any, handler: Callable[[Any], Any]) -> Any:
    try:
        return handler(value)
    except ValidationError:
        return None


def _unchanged(value: Any, _handler: Callable[[Any], Any]) -> Any:
    return value


# An optional field that the room behind the route checks itself, in its own words; typed for the documentation.
AsSent = Annotated[T | None, WrapValidator(_unchanged)]


def _flag(value: Any) -> Any:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


# A boolean, also as the text "true" or "false", as a query string has it.
Flag = Annotated[StrictBool, BeforeValidator(_flag)]

# An optional field whose wrong-typed value counts as absent (contract §1.2).
Lenient = Annotated[T | None, WrapValidator(_or_none)]


class Error(WireModel):
    """Every failure has this body."""

    model_config = wire_config({"error": "Invalid JSON in request body"})

    error: str = Field(description="One sentence for people: what is wrong, and what to do where that helps.")


# What the answer with a status means, and an example of its sentence.
_FAILURES = {
    400: ("The request cannot be understood.", "Invalid JSON in request body"),
    401: ("The token is missing or wrong.", "Unauthorized"),
    403: ("The Host or Origin header is not allowed.", "Origin not allowed"),
    404: ("There is no such thing.", "Training job not found"),
    409: ("The request clashes with the present state.", "The call c-1 belongs to another step"),
    413: ("The request body is over the limit.", "Failed to read request body"),
    415: (
        "The body is in an encoding, or of a type, that is not accepted.",
        "Content-Encoding must be gzip, zstd or identity",
    ),
    429: (
        "More trajectories wait to be stored than may wait; `Retry-After` says how many seconds to wait.",
        "More trajectories wait to be stored than may wait; send the request again.",
    ),
    500: ("A fault of the service.", "Internal server error"),
    501: ("This version cannot do that.", "Activating models is not part of this version of Whetstone"),
    503: ("A part of the service is not up.", "Database not available"),
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI entries of error answers."""
    entries: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        description, sentence = _FAILURES[status]
        content = {"application/json": {"example": {"error": sentence}}}
        entries[status] = {"model": Error, "description": description, "content": content}
    return entries


# What any route can answer.
COMMON_ERRORS = errors(400, 401, 403, 500, 503)
