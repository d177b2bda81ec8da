"""The parts of feedback that a client sends: scores, tags, and the right answers of calls."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from whetstone.trajectories.input.coercion import (
    Identifier,
    Label,
    Moment,
    Text,
    to_identifier,
    to_number,
    to_object,
)
from whetstone.trajectories.input.input_model import Correction, InputModel

MAX_TAGS = 100
"""Tags that one request may name."""


def _score_name(value: Any) -> str:
    name = to_identifier(value) if isinstance(value, str) else None
    if name is None:
        msg = "a score needs a name, such as reward"
        raise ValueError(msg)
    return name.strip()


def _score_value(value: Any) -> float | None:
    number = float(value) if isinstance(value, bool) else to_number(value)
    if value is not None and number is None:
        msg = "a score's value is a finite number of at most 10^12, true, false or null"
        raise ValueError(msg)
    return number


def _source(value: Any) -> Any:
    if value is not None and value not in ("human", "judge", "code"):
        msg = "a score's source is human, judge or code"
        raise ValueError(msg)
    return value or "human"


def _tag(value: Any) -> str:
    tag = to_identifier(value) if isinstance(value, str) else None
    if tag is None:
        msg = "a tag is text that is not blank"
        raise ValueError(msg)
    return tag.strip()


def _tags(value: Any) -> list[str] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > MAX_TAGS:
        msg = f"tags are an array of at most {MAX_TAGS} texts"
        raise ValueError(msg)
    return [_tag(each) for each in value]


def _usable_tags(value: Any) -> list[str] | None:
    if not isinstance(value, list):
        return None
    tags = []
    for each in value[:MAX_TAGS]:
        try:
            tags.append(_tag(each))
        except ValueError:  # counts as absent
            continue
    return tags


Tags = Annotated[list[str] | None, BeforeValidator(_tags)]
ReportedTags = Annotated[list[str] | None, BeforeValidator(_usable_tags)]


class ScoreInput(InputModel):
    """One judgement: a number, a class, a comment, or several of them; none of them takes the score back."""

    synonyms: ClassVar[dict[str, tuple[str, ...]]] = {"id": ("scoreId", "score_id")}

    id: Identifier = Field(
        None, description="Follows from source, name and callId when absent: scoring again replaces."
    )
    name: Annotated[str, BeforeValidator(_score_name)] = Field(
        description="`reward` is the reward itself; others are components of it."
    )
    value: Annotated[float | None, BeforeValidator(_score_value)] = Field(
        None, description="A number, or true and false for 1 and 0."
    )
    label: Label = Field(None, description="A class, such as `too long`.")
    comment: Text = None
    source: Annotated[Literal["human", "judge", "code"], BeforeValidator(_source)] = "human"
    call_id: Identifier = Field(None, description="The call that is meant; the whole trajectory when absent.")
    created_at: Moment = Field(None, description="For imports; the time of arrival when absent.")

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        """A missing name gets the sentence of a blank one."""
        return {"name": None, **value} if isinstance(value, dict) else value


def with_single_score(body: Any) -> Any:
    """An annotation whose single score, where it names one at the top level, stands in `scores`."""
    if not isinstance(body, dict) or all(body.get(name) is None for name in ("name", "value", "label")):
        return body
    members = {"name", "value", "label", "comment", "source", "id", "scoreId", "score_id"}
    if "correction" not in body:
        members |= {"callId", "call_id"}
    others = {name: value for name, value in body.items() if name not in members}
    score = {name: value for name, value in body.items() if name in members | {"callId", "call_id"}}
    scores = others.get("scores")
    if scores is not None and not isinstance(scores, list):
        return body  # refused for that
    return others | {"scores": [*(scores or []), score]}


def _annotated_reward(value: Any) -> dict[str, Any] | None:
    given = to_object(value)
    if given is None or not given.keys() <= {"reward", "rewardComponents"}:  # not what an export says
        return None
    reward, components = to_number(given.get("reward")), to_object(given.get("rewardComponents"))
    return ({} if reward is None else {"reward": reward}) | (
        {"rewardComponents": components} if components else {}
    )


AnnotatedReward = Annotated[dict[str, Any] | None, BeforeValidator(_annotated_reward)]


class CallCorrection(InputModel):
    """The right answer of one call; null takes a correction back."""

    call_id: Identifier
    correction: Correction

    @model_validator(mode="after")
    def _names_a_call(self) -> CallCorrection:
        if self.call_id is None:
            msg = "a correction needs the callId of the call that it corrects"
            raise ValueError(msg)
        return self
