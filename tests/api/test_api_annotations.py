"""Feedback over HTTP: scores, tags, and refusals in plain sentences."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from api_server import client_of, trajectory
from whetstone.settings import Settings

PATH = "/api/trajectories"


async def annotate(client: httpx.AsyncClient, **body: Any) -> httpx.Response:
    return await client.post(f"{PATH}/t-1/annotations", json=body)


async def test_scores_and_tags_show_in_detail_and_list(client: httpx.AsyncClient) -> None:
    await client.post(PATH, json=trajectory("t-1", totalReward=0.25))
    scores = [
        {"name": "reward", "value": True, "comment": "right"},
        {"name": "useful", "value": 0.5, "source": "judge", "callId": "t-1-call"},
    ]
    answer = await annotate(client, scores=scores, tags=["b", "a"])
    assert answer.status_code == 201, answer.text
    assert (answer.json()["updated"], answer.json()["stored"]) == (1, True)
    assert (await annotate(client, scores=scores, tags=["a", "b"])).json()["updated"] == 0

    detail = (await client.get(f"{PATH}/t-1")).json()
    shown = detail["trajectory"]
    assert (shown["totalReward"], shown["reported"], shown["tags"]) == (1, {"reward": 0.25}, ["a", "b"])
    assert [(each["name"], each["value"], each["comment"]) for each in shown["scores"]] == [
        ("reward", 1, "right")
    ]
    assert [(each["name"], each["source"]) for each in detail["llmCalls"][0]["scores"]] == [
        ("useful", "judge")
    ]
    [row] = (await client.get(PATH)).json()["trajectories"]
    assert row["tags"] == ["a", "b"]

    assert (await annotate(client, name="reward", value=None)).status_code == 201
    assert (await client.get(f"{PATH}/t-1")).json()["trajectory"]["totalReward"] == 0.25


async def test_a_trajectory_may_carry_scores_and_tags(client: httpx.AsyncClient) -> None:
    await client.post(PATH, json=trajectory("t-1", tags=["x"], scores=[{"name": "reward", "value": 0}]))
    exported = (await client.post(f"{PATH}/export", json={"format": "json"})).json()
    await client.request("DELETE", PATH, json={"all": True})
    assert (await client.post(PATH, json=exported)).status_code == 201
    again = (await client.post(f"{PATH}/export", json={"format": "json"})).json()
    assert [(each["scores"], each["tags"], each["totalReward"]) for each in again] == [
        (each["scores"], each["tags"], each["totalReward"]) for each in exported
    ]
    assert again[0]["totalReward"] == 0


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (
            {"scores": [{"name": "a", "value": 1}, {"value": 1}]},
            "'scores[1].name' is not valid: a score needs a name, such as reward",
        ),
        ({"name": "", "value": 1}, "'scores[0].name' is not valid: a score needs a name, such as reward"),
        (
            {"scores": [{"name": "a", "value": "much"}]},
            "'scores[0].value' is not valid: a score's value is a finite number of at most 10^12, true, false or null",
        ),
        (
            {"scores": [{"name": "a", "value": 1, "source": "me"}]},
            "'scores[0].source' is not valid: a score's source is human, judge or code",
        ),
        ({"addTags": ["a", " "]}, "'addTags' is not valid: a tag is text that is not blank"),
        ({"tags": "a"}, "'tags' is not valid: tags are an array of at most 100 texts"),
    ],
)
async def test_nonsense_is_refused_in_a_sentence(
    client: httpx.AsyncClient, body: dict[str, Any], sentence: str
) -> None:
    response = await annotate(client, **body)
    assert (response.status_code, response.json()) == (400, {"error": sentence})


async def test_a_number_that_is_not_finite_is_refused(client: httpx.AsyncClient) -> None:
    response = await client.post(
        f"{PATH}/t-1/annotations",
        content=b'{"name": "a", "value": 1e999}',
        headers={"Content-Type": "application/json"},
    )
    assert response.status_code == 400


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["human", "reward", "t-1-call", "\x00", "x" * 600]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "value", "source", "callId", "id", "label"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)
_KEYS = [
    "scores", "tags", "addTags", "removeTags", "name", "value", "label", "comment", "source", "callId", "id",
    "correction", "reported", "annotation",
]  # fmt: skip


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_no_feedback_causes_a_fault(engine: str, settings: Settings, request: pytest.FixtureRequest) -> None:
    if engine == "postgresql":
        settings = settings.model_copy(update={"database_url": request.getfixturevalue("postgresql_url")})
    with asyncio.Runner() as runner:
        context = client_of(settings)
        client = runner.run(context.__aenter__())

        async def send(body: dict[str, Any]) -> None:
            for path, sent in ((f"{PATH}/t-1/annotations", body), (PATH, body | {"id": "t-1"})):
                response = await client.post(path, json=sent)
                assert response.status_code in {201, 400, 409}, (path, sent, response.text)
            assert (await client.get(f"{PATH}/t-1")).status_code in {200, 404}

        @given(body=st.dictionaries(st.sampled_from(_KEYS), _VALUES, max_size=5))
        @hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
        def never_faults(body: dict[str, Any]) -> None:
            runner.run(send(body))

        try:
            never_faults()
        finally:
            runner.run(context.__aexit__(None, None, None))
