"""Scores and tags: what they mean for a trajectory, in whatever order they come, and that exports carry them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy import func, select

from trajectory_world import Operation, document, record, straight_and_shuffled, without_arrival
from whetstone.db import Database
from whetstone.errors import WhetstoneError
from whetstone.ids import new_id
from whetstone.trajectories.input.records import AnnotationInput, EndInput, LlmCallInput, TrajectoryInput
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.store import TrajectoryStore
from whetstone.trajectories.tables import scores as scores_table
from whetstone.trajectories.tables import search_queue, trajectory_labels

Json = dict[str, Any]


async def annotate(store: TrajectoryStore, identifier: str, **said: Any) -> int:
    """How many trajectories the annotation created or changed."""
    result = await store.annotate(identifier, AnnotationInput.model_validate(said))
    return result.created + result.updated


def score(name: str, value: Any = None, **more: Any) -> Json:
    return {"name": name, "value": value, **more}


async def test_scores_and_tags_show_on_the_trajectory_and_on_the_call(store: TrajectoryStore) -> None:
    await store.add([record({"id": "t", "llmCalls": [{"callId": "c"}], "totalReward": 0.1})])
    await annotate(
        store,
        "t",
        scores=[
            score("reward", True, comment="well done"),
            score("tone", 0.5, source="judge", label="friendly", id="tone-1"),
            score("useful", False, callId="c"),
        ],
        tags=["b", "a", "b"],
    )

    detail = await store.detail("t")
    trajectory, [call] = detail["trajectory"], detail["llmCalls"]
    assert without_arrival(trajectory["scores"]) == [
        {
            "id": trajectory["scores"][0]["id"],
            "name": "reward",
            "value": 1,
            "comment": "well done",
            "source": "human",
        },
        {"id": "tone-1", "name": "tone", "value": 0.5, "label": "friendly", "source": "judge"},
    ]
    assert [(each["name"], each["value"], each["callId"]) for each in call["scores"]] == [("useful", 0, "c")]
    assert (trajectory["totalReward"], trajectory["rewardComponents"]) == (1, {"tone": 0.5})
    assert (trajectory["reported"], trajectory["tags"]) == ({"reward": 0.1}, ["a", "b"])
    [row], _ = await store.list(TrajectoryFilter(), 5, 0)
    assert (row["tags"], row["totalReward"], "scores" in row) == (["a", "b"], 1, False)


async def test_without_feedback_nothing_of_it_shows(store: TrajectoryStore) -> None:
    await store.add([record({"id": "t", "llmCalls": [{"callId": "c"}], "totalReward": 1, "tags": []})])
    whole = await document(store, "t")
    assert not {"scores", "tags", "annotation", "reported", "comment"} & whole.keys()
    assert "scores" not in whole["steps"][0]["llmCalls"][0]


async def test_scoring_again_replaces_and_the_same_again_changes_nothing(store: TrajectoryStore) -> None:
    assert await annotate(store, "t", name="reward", value=1, comment="good") == 1
    before = await document(store, "t")
    assert await annotate(store, "t", name="reward", value=1, comment="good") == 0
    assert await document(store, "t") == before
    assert await annotate(store, "t", name="reward", value=0) == 1
    after = await document(store, "t")
    assert [(each["value"], "comment" in each) for each in after["scores"]] == [(0, False)]
    assert after["scores"][0]["id"] == before["scores"][0]["id"]
    assert after["scores"][0]["createdAt"] == before["scores"][0]["createdAt"]
    assert after["updatedAt"] >= before["updatedAt"]


@pytest.mark.parametrize(
    ("said", "reward"),
    [
        ([], 0.1),
        ([score("reward", 0.2, source="code")], 0.2),
        ([score("reward", 0.2, source="code"), score("reward", 0.3, source="judge")], 0.3),
        ([score("reward", 0.3, source="judge"), score("reward", 0.4)], 0.4),
        ([score("reward", 0.4), {"reward": 0.5}], 0.5),
        ([score("reward", label="good")], 0.1),
        ([score("reward", 0, callId="c")], 0.1),
        # Several of one source: their mean.
        (
            [score("reward", 0, id="ann"), score("reward", 1, id="bob"), score("reward", 0.9, source="code")],
            0.5,
        ),
    ],
)
async def test_the_most_trusted_reward_counts_and_removing_restores(
    store: TrajectoryStore, said: list[Json], reward: float
) -> None:
    await store.add([record({"id": "t", "totalReward": 0.1, "rewardComponents": {"x": 1}})])
    for each in said:
        await annotate(store, "t", **each)
    assert (await document(store, "t"))["totalReward"] == reward

    for each in reversed(said):
        if "name" in each:
            await annotate(store, "t", **{**each, "value": None, "label": None})
    whole = await document(store, "t")
    assert "scores" not in whole
    assert whole["totalReward"] == next((each["reward"] for each in said if "reward" in each), 0.1)
    assert whole["rewardComponents"] == {"x": 1}


async def test_other_scores_are_components_that_annotations_outrank(store: TrajectoryStore) -> None:
    await store.add([record({"id": "t", "rewardComponents": {"tone": 0.1, "speed": 0.2}})])
    await annotate(store, "t", scores=[score("tone", 0.5, source="judge"), score("wit", 0.6)])
    await annotate(store, "t", rewardComponents={"wit": 0.7})
    whole = await document(store, "t")
    assert whole["rewardComponents"] == {"tone": 0.5, "speed": 0.2, "wit": 0.7}
    await annotate(store, "t", scores=[score("tone", source="judge"), score("wit")])
    assert (await document(store, "t"))["rewardComponents"] == {"tone": 0.1, "speed": 0.2, "wit": 0.7}


async def test_a_score_that_was_taken_back_stays_away(store: TrajectoryStore) -> None:
    sent = record({"id": "t", "scores": [score("reward", 1)], "llmCalls": [{"callId": "c"}]})
    await annotate(store, "t", name="reward")
    await store.add([sent])
    whole = await document(store, "t")
    assert (whole["totalReward"], "scores" in whole) == (None, False)
    await annotate(store, "t", name="reward", value=0.5)
    assert (await document(store, "t"))["totalReward"] == 0.5


async def test_scores_of_a_call_that_has_not_arrived_wait_beside_the_trajectory(
    store: TrajectoryStore,
) -> None:
    await annotate(store, "t", name="reward", value=1, callId="c")
    waiting = await document(store, "t")
    assert [each["callId"] for each in waiting["scores"]] == ["c"]
    assert waiting["totalReward"] is None
    await store.add_llm_calls("t", [LlmCallInput.model_validate({"callId": "c"})])
    arrived = await document(store, "t")
    assert "scores" not in arrived
    assert arrived["steps"][0]["llmCalls"][0]["scores"] == waiting["scores"]


async def test_calls_may_bring_scores_and_their_derived_ids_do_not_depend_on_them(
    store: TrajectoryStore,
) -> None:
    for value in (1, 0):
        call = {"userPrompt": "q", "scores": [score("reward", value, source="code")]}
        await store.add_llm_calls("t", [LlmCallInput.model_validate(call)])
    [call] = (await store.detail("t"))["llmCalls"]
    assert [each["value"] for each in call["scores"]] == [1]


async def test_tags_are_replaced_added_and_removed(store: TrajectoryStore, database: Database) -> None:
    await store.add([record({"id": "t", "tags": ["agent", " ", 7, "x"]})])
    await annotate(store, "t", addTags=["new"], removeTags=["x"])
    assert (await document(store, "t"))["tags"] == ["agent", "new"]
    await annotate(store, "t", tags=["only"], addTags=["more"])
    await store.add([record({"id": "t", "tags": ["late"]})])
    assert (await document(store, "t"))["tags"] == ["more", "only"]
    query = select(trajectory_labels.c.value).where(trajectory_labels.c.kind == "tag")
    async with database.read() as connection:
        assert sorted((await connection.execute(query)).scalars()) == ["more", "only"]
    assert [each["id"] for each in (await store.list(TrajectoryFilter(tag="more"), 5, 0))[0]] == ["t"]
    await annotate(store, "t", tags=[])
    assert "tags" not in await document(store, "t")
    assert (await store.list(TrajectoryFilter(tag="more"), 5, 0))[1] == 0
    assert await annotate(store, "t", tags=[]) == 0


@pytest.mark.parametrize(
    "said", [score("reward", 1), score("x", comment="hm", callId="c"), {"tags": ["a"]}, {"addTags": ["a"]}]
)
async def test_feedback_alone_is_news_for_the_search_and_the_counters(
    store: TrajectoryStore, database: Database, said: Json
) -> None:
    async def queued() -> int:
        async with database.read() as connection:
            return await connection.scalar(select(func.count()).select_from(search_queue)) or 0

    await store.add([record({"id": "t", "totalReward": 0.5})])
    before, news = await document(store, "t"), await queued()
    await annotate(store, "t", **said)
    assert await queued() == news + 1
    after = await document(store, "t")
    assert after["updatedAt"] >= before["updatedAt"]
    assert (await store.stats())["averageReward"] == after["totalReward"]
    await annotate(store, "t", **said)
    assert await queued() == news + 1


async def test_deleting_a_trajectory_deletes_its_scores_and_tags(
    store: TrajectoryStore, database: Database
) -> None:
    await annotate(store, "t", name="reward", value=1, tags=["a"])
    await store.delete(["t"])
    async with database.read() as connection:
        for table in (scores_table, trajectory_labels):
            assert await connection.scalar(select(func.count()).select_from(table)) == 0


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"scores": [{"value": 1}]}, "a score needs a name"),
        ({"name": " ", "value": 1}, "a score needs a name"),
        ({"value": 1}, "a score needs a name"),
        ({"name": "x", "value": float("nan")}, "finite number"),
        ({"name": "x", "value": 10**400}, "finite number"),
        ({"name": "x", "value": [1]}, "finite number"),
        ({"name": "x", "value": 1, "source": "robot"}, "human, judge or code"),
        ({"scores": [1]}, "valid dictionary"),
        ({"scores": {"x": 1}}, "valid list"),
        ({"name": "x", "scores": {"x": 1}}, "valid list"),
        ({"tags": "a"}, "array"),
        ({"addTags": [" "]}, "not blank"),
        ({"removeTags": [1]}, "not blank"),
        ({"tags": [str(n) for n in range(101)]}, "at most 100"),
    ],
)
def test_nonsense_is_refused_in_plain_words(said: Json, sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        AnnotationInput.model_validate(said)


def test_a_single_score_stands_beside_a_correction_of_its_call() -> None:
    said = AnnotationInput.model_validate(
        {"name": "reward", "value": 0, "callId": "c", "correction": "right", "comment": "wrong", "reward": 1}
    )
    assert said.by_call() == {"c": {"text": "right"}}
    assert [(each.call_id, each.comment) for each in said.scores] == [("c", "wrong")]
    assert (said.comment, said.reward) == (None, 1)


def _operations(identifier: str) -> list[Operation]:
    start = record(
        {
            "id": identifier,
            "startTime": 1000,
            "totalReward": 0.1,
            "rewardComponents": {"tone": 0.1, "agent": 1},
            "tags": ["agent"],
            "scores": [score("reward", 0.2, source="code"), score("wit", 1, source="code")],
            "llmCalls": [{"callId": "c", "timestamp": 1001, "scores": [score("reward", 1, source="code")]}],
        }
    )
    notes = [
        {"name": "reward", "value": 0.3, "source": "judge"},
        {"name": "tone", "value": 0.9, "tags": ["human"], "addTags": ["more"]},
        {"name": "wit", "source": "code"},
        {"name": "reward", "value": 0, "callId": "c", "comment": "bad"},
        {"rewardComponents": {"speed": 0.5}, "comment": "hm"},
    ]
    end = EndInput.model_validate({"endTime": 2000, "totalReward": 0.15})
    return [
        ("add", [start]),
        ("end", end),
        *(("annotate", AnnotationInput.model_validate(each)) for each in notes),
    ]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.permutations(range(7)),
    retries=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=3),
)
async def test_the_order_of_arrival_does_not_matter(
    store: TrajectoryStore, order: list[int], retries: list[tuple[int, int]]
) -> None:
    expected, found = await straight_and_shuffled(store, _operations, order, retries)
    assert found == expected
    assert (found["totalReward"], found["tags"]) == (0.3, ["human", "more"])
    assert found["rewardComponents"] == {"tone": 0.9, "agent": 1, "speed": 0.5}
    [call] = found["steps"][0]["llmCalls"]
    assert [(each["source"], each["value"]) for each in call["scores"]] == [("code", 1), ("human", 0)]


_SCORES = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["reward", "tone", "a.b"]),
        "source": st.sampled_from(["human", "judge", "code"]),
    },
    optional={
        "value": st.none() | st.booleans() | st.floats(-5, 5),
        "label": st.none() | st.text(max_size=5),
        "comment": st.text(max_size=5),
        "callId": st.sampled_from(["c", "elsewhere"]),
        "id": st.sampled_from(["1", "2"]),
    },
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    reported=st.none() | st.floats(0, 1),
    notes=st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "scores": st.lists(_SCORES, max_size=3),
                "reward": st.floats(0, 1),
                "rewardComponents": st.just({"tone": 0.25}),
                "comment": st.text(min_size=1, max_size=5),
                "tags": st.lists(st.sampled_from(["a", "b"]), max_size=2),
                "addTags": st.just(["c"]),
            },
        ),
        max_size=4,
    ),
)
async def test_a_trajectory_that_is_exported_can_be_imported_again(
    store: TrajectoryStore, reported: float | None, notes: list[Json]
) -> None:
    identifier = new_id("t")
    await store.add([record({"id": identifier, "totalReward": reported, "llmCalls": [{"callId": "c"}]})])
    for note in notes:
        await annotate(store, identifier, **note)
    exported = await document(store, identifier)

    await store.add([record(exported)])
    assert without_arrival(await document(store, identifier)) == without_arrival(exported)
    await store.delete([identifier])
    await store.add([record(exported)])
    assert without_arrival(await document(store, identifier)) == without_arrival(exported)


_NASTY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None), max_size=6)
    | st.sampled_from(["reward", "human", "\x00", "\ud800", "x" * 3000, 10**400, 1e308, "1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "value", "source", "id", "callId", "reward"]), inner, max_size=4
        )
    ),
    max_leaves=6,
)
_MEMBERS = [
    "scores",
    "tags",
    "addTags",
    "removeTags",
    "name",
    "value",
    "label",
    "comment",
    "source",
    "id",
    "callId",
]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    note=st.dictionaries(
        st.sampled_from([*_MEMBERS, "annotation", "reported", "correction"]), _NASTY, max_size=6
    ),
    scores=st.lists(st.dictionaries(st.sampled_from(_MEMBERS), _NASTY, max_size=5), max_size=2),
)
async def test_wild_feedback_is_stored_or_refused_in_plain_words(
    store: TrajectoryStore, note: Json, scores: list[Json]
) -> None:
    identifier = new_id("t")

    async def attempt(model: type[Any], value: Any, send: Any) -> None:
        try:
            await send(model.model_validate(value))
        except (ValidationError, WhetstoneError):
            return

    named = {"scores": [{"name": "n", "value": 1} | each for each in scores]}
    for body in (note, note | {"scores": scores}, named):
        await attempt(AnnotationInput, body, lambda each: store.annotate(identifier, each))
        await attempt(TrajectoryInput, body | {"id": identifier}, lambda each: store.add([each]))
    await store.get(identifier)
