"""What clients send: trajectories, steps, LLM calls, provider accesses, annotations and ends.

Names are those of the wire contract §4 (camelCase; snake_case is accepted too). Optional values of a wrong type
count as absent; see `coercion`.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from whetstone.trajectories.ingest.feedback import Reward
from whetstone.trajectories.input.coercion import (
    Array,
    Count,
    Flag,
    Identifier,
    Index,
    Json,
    Label,
    Moment,
    Number,
    Object,
    Payload,
    Text,
    to_object,
)
from whetstone.trajectories.input.feedback_input import (
    AnnotatedReward,
    CallCorrection,
    ReportedTags,
    ScoreInput,
    Tags,
    with_single_score,
)
from whetstone.trajectories.input.inference import DEFAULT_ACTION_TYPE, DEFAULT_PURPOSE
from whetstone.trajectories.input.input_model import (
    Correction,
    FinalStatus,
    InputModel,
    Items,
    Status,
    StrictNumber,
)

EVENT_LISTS = (
    "events",
    "contextEvents",
    "toolEvents",
    "evaluationEvents",
    "cacheObservations",
    "contextDiffs",
)
"""Optional event lists of a trajectory, by their name on the wire (contract §3.2)."""


class LlmCallInput(InputModel):
    """One call of a language model. Members that are not named here are kept as they are."""

    model_config = ConfigDict(extra="allow")
    synonyms: ClassVar[dict[str, tuple[str, ...]]] = {
        "callId": ("call_id", "id"),
        "userPrompt": ("user_prompt", "input", "prompt"),
        "modelType": ("model_type", "modelSlot"),
    }

    call_id: Identifier = Field(None, description="Unique in the trajectory; a repeated id changes nothing.")
    step_id: Identifier = None
    timestamp: Moment = Field(None, description="Start of the call, milliseconds since the epoch.")
    model: Label = "unknown"
    model_version: Label = None
    model_type: Label = Field(None, description="Such as TEXT_LARGE; `modelSlot` is a synonym.")
    provider: Label = None
    system_prompt: Text = ""
    user_prompt: Text = Field("", description="`input` is a synonym.")
    prompt: Text = None
    messages: Array = None
    tools: Json = None
    tool_choice: Json = None
    tool_calls: Array = None
    response: Text = ""
    reasoning: Text = None
    temperature: Number = 0
    max_tokens: Count = 0
    top_p: Number = None
    purpose: Label = DEFAULT_PURPOSE
    action_type: Label = DEFAULT_ACTION_TYPE
    step_type: Label = Field(None, description="Inferred from purpose and actionType when absent.")
    tags: Array = None
    latency_ms: Number = 0
    prompt_tokens: Count = None
    completion_tokens: Count = None
    cache_read_input_tokens: Count = None
    cache_creation_input_tokens: Count = None
    reasoning_tokens: Count = None
    token_usage_estimated: Flag = None
    finish_reason: Label = None
    run_id: Label = None
    room_id: Label = None
    message_id: Label = None
    execution_trace_id: Label = None
    metadata: Object = None
    correction: Correction = Field(
        None, description="The right answer: a text, or {text?, toolCalls?, source?, comment?}."
    )
    scores: Items[ScoreInput] = Field(
        default_factory=list, description="Judgements of this call; a score that is known stays as it is."
    )


class ProviderAccessInput(InputModel):
    """One look into a context provider. Members that are not named here are kept as they are."""

    model_config = ConfigDict(extra="allow")
    synonyms: ClassVar[dict[str, tuple[str, ...]]] = {"accessId": ("access_id", "id")}

    access_id: Identifier = Field(
        None, description="Unique in the trajectory; a repeated id changes nothing."
    )
    step_id: Identifier = None
    provider_id: Label = None
    provider_name: Label = "unknown"
    purpose: Label = ""
    timestamp: Moment = None
    data: Payload = Field(None, description="What the provider returned, stored whole.")
    query: Payload = None


class ActionInput(InputModel):
    """What the agent did at the end of a step."""

    model_config = ConfigDict(extra="allow")

    attempt_id: Text = None
    timestamp: Moment = None
    action_type: Text = None
    parameters: Json = None
    success: Flag = None
    error: Text = None
    reasoning: Text = None


class StepInput(InputModel):
    """One step of a trajectory with its calls. Members that are not named here are kept as they are."""

    model_config = ConfigDict(extra="allow")
    synonyms: ClassVar[dict[str, tuple[str, ...]]] = {"stepId": ("step_id", "id")}

    step_id: Identifier = Field(
        None, description="Unique in the trajectory; `step-<stepNumber>` when absent."
    )
    step_number: Index = None
    timestamp: Moment = None
    kind: Label = Field(None, description="llm (when absent), action or executeCode.")
    llm_calls: Items[LlmCallInput] = Field(default_factory=list)
    provider_accesses: Items[ProviderAccessInput] = Field(default_factory=list)
    child_steps: Array = None
    script: Text = Field(None, description="Kept up to 4,096 characters; scriptHash is then of the whole.")
    script_hash: Label = None
    used_skills: Array = None
    action: Annotated[ActionInput | None, BeforeValidator(to_object)] = None
    reward: Number = None
    done: Flag = None
    environment_state: Json = None


class TrajectoryInput(InputModel):
    """A whole trajectory, or the start of one. What a later request repeats is merged into what is stored."""

    synonyms: ClassVar[dict[str, tuple[str, ...]]] = {
        "trajectoryId": ("trajectory_id", "id"),
        "totalReward": ("total_reward", "reward"),
    }

    trajectory_id: Identifier = Field(
        None, description="`id` is a synonym; one is made when both are absent."
    )
    agent_id: Label = None
    source: Label = Field(None, description="chat (when new), autonomy, telegram, discord, api, …")
    status: Status = Field(
        None,
        description="active when absent, completed when absent beside endTime; terminated counts as error.",
    )
    start_time: Moment = Field(None, description="Milliseconds since the epoch, or ISO 8601.")
    end_time: Moment = None
    created_at: Moment = Field(None, description="For imports; the time of arrival when absent.")
    scenario_id: Label = Field(None, description="Also read from metadata.")
    batch_id: Label = Field(None, description="Also read from metadata.")
    run_id: Label = None
    trace_id: Label = None
    episode_id: Label = None
    group_index: Index = None
    archetype: Label = None
    total_reward: Number = None
    reward_components: Object = None
    ai_judge_reward: Number = Field(None, description="metadata.judge_score is read when absent.")
    ai_judge_reasoning: Text = None
    is_training_data: Flag = None
    scores: Items[ScoreInput] = Field(
        default_factory=list, description="Judgements; a score that is known stays as it is."
    )
    tags: ReportedTags = Field(None, description="Added to those that are known.")
    annotation: AnnotatedReward = Field(None, description="For imports: what annotations said of the reward.")
    reported: AnnotatedReward = Field(
        None, description="For imports: the agent's own reward, where scores or annotations outrank it."
    )
    comment: Text = Field(None, description="For imports: the comment of an annotation.")
    metrics: Object = None
    metadata: Object = None
    steps: Items[StepInput] = Field(default_factory=list)
    llm_calls: Items[LlmCallInput] = Field(default_factory=list)
    provider_accesses: Items[ProviderAccessInput] = Field(default_factory=list)
    events: Array = None
    context_events: Array = None
    tool_events: Array = None
    evaluation_events: Array = None
    cache_observations: Array = None
    context_diffs: Array = None

    def reported_reward(self) -> Reward:
        """What the agent itself says of the reward."""
        if self.reported is None:
            return Reward(self.total_reward, self.reward_components or {})
        return Reward(self.reported.get("reward"), self.reported.get("rewardComponents", {}))

    def annotated(self) -> dict[str, Any]:
        """What annotations said before the trajectory was exported, by their names."""
        return (self.annotation or {}) | ({} if self.comment is None else {"comment": self.comment})


class EndInput(InputModel):
    """The end of a trajectory."""

    synonyms: ClassVar[dict[str, tuple[str, ...]]] = {
        "totalReward": ("total_reward", "reward"),
        "metrics": ("finalMetrics",),
    }

    status: FinalStatus = Field(
        "completed", description="completed, error or timeout; terminated counts as error."
    )
    end_time: Moment = Field(None, description="The time of arrival when absent.")
    total_reward: Number = None
    metrics: Object = None
    metadata: Object = None


class AnnotationInput(InputModel):
    """A judgement on a trajectory; it outranks what the agent itself reported, in whatever order they arrive.

    One score may stand at the top level instead of in `scores`: with `name`, the members `value`, `label`,
    `comment`, `source`, `id` and `callId` are its.
    """

    reward: StrictNumber = Field(None, description="Replaces the trajectory's total reward.")
    reward_components: Object = None
    judge_score: StrictNumber = None
    judge_reasoning: Text = None
    is_training_data: Flag = None
    comment: Text = None
    call_id: Identifier = None
    correction: Correction = Field(
        None, description="The right answer of the call `callId`; null takes it back."
    )
    corrections: Items[CallCorrection] = Field(default_factory=list)
    scores: Items[ScoreInput] = Field(
        default_factory=list, description="Judgements by name; scoring again replaces."
    )
    tags: Tags = Field(None, description="Replaces all tags; an empty array removes them.")
    add_tags: Tags = None
    remove_tags: Tags = None

    @model_validator(mode="before")
    @classmethod
    def _takes_a_single_score(cls, value: Any) -> Any:
        return with_single_score(value)

    @model_validator(mode="after")
    def _pairs_call_and_correction(self) -> AnnotationInput:
        named, corrected = self.call_id is not None, self.correction is not None
        if corrected > named or (named and "correction" not in self.model_fields_set):
            msg = "callId and correction belong together"
            raise ValueError(msg)
        return self

    def by_call(self) -> dict[str, dict[str, Any] | None]:
        """All corrections of the annotation, by call id."""
        corrections = {str(each.call_id): each.correction for each in self.corrections}
        if self.call_id is not None:
            corrections[self.call_id] = self.correction
        return corrections
