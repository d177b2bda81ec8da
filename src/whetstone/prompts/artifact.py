"""The optimized-prompt artifact: the file that carries a better prompt from a training job to an agent.

The core (contract §15.1) is what Eliza's `OptimizedPromptService` reads; the rest is the evidence behind the
prompt. Eliza ignores keys that it does not know, and so do we: they are kept and written back.
"""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator
from pydantic.alias_generators import to_camel

from whetstone.clock import parse_ms
from whetstone.errors import InvalidInputError

SCHEMA_VERSION = 1
NOT_GATED = "not_gated"
"""`decision` of an artifact whose candidate was never tried on the test rows: the job ended before its gate."""
BASELINE_VERSION = 0
"""`restoredFrom` of an artifact that brought back the prompt from before any optimization."""

Optimizer = Literal[
    "instruction-search",
    "prompt-evolution",
    "bootstrap-fewshot",
    # Written by newer Elizas; read, never produced here.
    "gepa",
    "dspy-bootstrap-fewshot",
    "dspy-copro",
    "dspy-mipro",
]

DemonstrationFormat = Literal["block", "turns"]
"""How demonstrations reach the model: one block in the system prompt, or few-shot chat turns."""

_TASK = re.compile(r"[a-z0-9_]{1,64}")


class ArtifactError(InvalidInputError):
    """An artifact that cannot be used. `field` names the offending key, as a dotted path ("" for the whole)."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


def check_task(task: str) -> str:
    """`task` itself if it is a safe name (it becomes a folder); raises `ArtifactError` otherwise."""
    if not _TASK.fullmatch(task):
        msg = "task must be 1 to 64 characters of a-z, 0-9 and _"
        raise ArtifactError(msg, "task")
    return task


class _Record(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        strict=True,
        extra="allow",
        frozen=True,
        allow_inf_nan=False,
    )


class DemonstrationInput(_Record):
    """What the agent was given: the user's text and, where it differs from the prompt, the system text."""

    user: str
    system: str | None = None


class Demonstration(_Record):
    """One solved example that is shown to the model along with the prompt."""

    input: DemonstrationInput
    expected_output: str
    id: str | None = None
    reward: float | None = None
    metadata: dict[str, Any] | None = None


class LineageEntry(_Record):
    """One candidate on the way to the prompt: its validation score in a round of the search."""

    round: int | float
    variant: int | float
    score: float
    notes: str | None = None


def _sound_items(model: type[_Record]) -> BeforeValidator:
    """Drop list items that do not fit `model`, as the reference does; a value that is no list stays an error."""

    def clean(value: Any) -> Any:
        if not isinstance(value, list | tuple):
            return value
        return [item for item in map(_item_or_none, value) if item is not None]

    def _item_or_none(item: Any) -> _Record | None:
        try:
            return model.model_validate(item)
        except ValidationError:
            return None

    return BeforeValidator(clean)


class PromptArtifact(_Record):
    """An optimized prompt of one task with its demonstrations, scores and evidence.

    `score` and `baseline_score` are means over the held-out test rows, 0..1, of `prompt` and `baseline`.
    `prompt` holds the instructions only; `few_shot_examples` are added when it is rendered.
    Records without a fixed shape (`promotion_decision`, `budget`…) are documented where they are produced.
    """

    # The core (contract §15.1)
    task: str
    optimizer: Optimizer
    baseline: str
    prompt: str
    score: float
    baseline_score: float
    dataset_id: str
    dataset_size: int
    generated_at: str
    few_shot_examples: Annotated[list[Demonstration], _sound_items(Demonstration)] = Field(
        default_factory=list
    )
    lineage: Annotated[list[LineageEntry], _sound_items(LineageEntry)]

    # Evidence and provenance
    schema_version: int = SCHEMA_VERSION
    artifact_id: str | None = None
    job_id: str | None = None
    prompt_sha256: str | None = None
    demonstration_format: DemonstrationFormat = "block"
    components: dict[str, str] | None = None
    models: dict[str, Any] | None = None
    metric: dict[str, Any] | None = None
    split: dict[str, Any] | None = None
    seed: int | None = None
    budget: dict[str, Any] | None = None
    finish_reason: str | None = None
    promotion_decision: dict[str, Any] | None = None
    per_example: list[dict[str, Any]] | None = None
    privacy: dict[str, Any] | None = None
    restored_from: int | None = None

    @field_validator("task")
    @classmethod
    def _safe_task(cls, value: str) -> str:
        if not _TASK.fullmatch(value):
            msg = "must be 1 to 64 characters of a-z, 0-9 and _"
            raise ValueError(msg)
        return value

    @field_validator("generated_at")
    @classmethod
    def _is_time(cls, value: str) -> str:
        if parse_ms(value) is None:
            msg = "must be an ISO 8601 time"
            raise ValueError(msg)
        return value

    @property
    def generated_ms(self) -> int:
        """`generated_at` in milliseconds since the epoch."""
        moment = parse_ms(self.generated_at)
        assert moment is not None  # noqa: S101 - the validator has parsed it
        return moment

    def to_dict(self) -> dict[str, Any]:
        """The wire form: camelCase keys, absent where there is nothing to say."""
        document = self.model_dump(by_alias=True, exclude_none=True)
        document["promptSha256"] = sha256_hex(self.prompt)
        return document

    def to_json(self) -> bytes:
        """The content of an artifact file; `ArtifactError` if a text in it is not valid Unicode."""
        try:
            return orjson.dumps(self.to_dict(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        except orjson.JSONEncodeError as error:
            msg = f"the artifact cannot be written as JSON: {error}"
            raise ArtifactError(msg) from None


def sha256_hex(text: str) -> str:
    """SHA-256 of the text's UTF-8 form (lone surrogates kept), in hex: tells whether two prompts are the same."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def parse(content: bytes | str) -> PromptArtifact:
    """Read an artifact file as strictly as Eliza does (contract §15.1).

    Raises `ArtifactError` for a missing or mistyped required field, an unknown optimizer, an unsafe task name.
    Malformed demonstrations and lineage entries are left out.
    """
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        msg = f"not JSON: {error}"
        raise ArtifactError(msg) from None
    if not isinstance(document, dict):
        msg = "an artifact must be a JSON object"
        raise ArtifactError(msg)
    try:
        return PromptArtifact.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"]))
        msg = f"{field}: {first['msg']}"
        raise ArtifactError(msg, field) from None
