"""The SDK against a running service."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from live_service import LiveService
from optimize_world import rows, write_dataset
from whetstone.client import WhetstoneClient, WhetstoneClientError
from whetstone.sample.service import free_port
from whetstone.settings import Settings


@pytest.fixture
def service(settings: Settings) -> Iterator[LiveService]:
    with LiveService(settings) as live:
        yield live


def test_recorder_sends_one_whole_trajectory(service: LiveService) -> None:
    with service.client() as client:
        with client.recorder("desk", source="chat", scenarioId="s-1") as recorder:
            recorder.provider_access("MEMORY", purpose="context", data={"facts": 2})
            call = recorder.llm_call(
                model="m", systemPrompt="s", userPrompt="u", response="r", promptTokens=3
            )
            recorder.reward(0.5)
        client.annotate(recorder.id, corrections=[{"callId": call, "correction": "better"}])
        detail = client.trajectory(recorder.id)
    assert detail["trajectory"]["status"] == "completed"
    assert detail["trajectory"]["totalPromptTokens"] == 3
    assert [each["correction"]["text"] for each in detail["llmCalls"]] == ["better"]
    assert detail["providerAccesses"][0]["providerName"] == "MEMORY"


def test_recorder_marks_a_failed_interaction(service: LiveService) -> None:
    with service.client() as client:
        recorder = client.recorder("desk", id="odd id/with slash")
        with pytest.raises(RuntimeError, match="agent broke"), recorder:
            raise RuntimeError("agent broke")
        assert client.trajectory("odd id/with slash")["trajectory"]["status"] == "error"


def test_errors_carry_the_service_s_sentence_and_status(service: LiveService) -> None:
    with service.client() as client, pytest.raises(WhetstoneClientError, match="not found") as caught:
        client.trajectory("nothing")
    assert caught.value.status == 404


def test_an_unreachable_service_is_named() -> None:
    unused = f"http://127.0.0.1:{free_port()}"
    with (
        WhetstoneClient(unused) as client,
        pytest.raises(WhetstoneClientError, match="no answer from") as caught,
    ):
        client.status()
    assert caught.value.status is None


def test_feedback_reaches_the_trajectory_and_the_call(service: LiveService) -> None:
    with service.client() as client:
        with client.recorder("desk") as recorder:
            call = recorder.llm_call(model="m", userPrompt="u", response="r")
            recorder.reward(0)
            recorder.score("format", True, call_id=call)
            recorder.tag("new")
        client.score(recorder.id, "reward", 1, comment="right")
        client.score(recorder.id, "tone", 0.5, label="dry", source="judge", score_id="tone-1")
        client.tag(recorder.id, "reviewed", remove=["new"])
        detail = client.trajectory(recorder.id)
        assert (detail["trajectory"]["totalReward"], detail["trajectory"]["tags"]) == (1, ["reviewed"])
        assert detail["trajectory"]["rewardComponents"] == {"tone": 0.5}
        assert [each["source"] for each in detail["llmCalls"][0]["scores"]] == ["code"]

        client.score(recorder.id, "reward")
        trajectory = client.trajectory(recorder.id)["trajectory"]
        assert (trajectory["totalReward"], [each["id"] for each in trajectory["scores"]]) == (0, ["tone-1"])
        with pytest.raises(WhetstoneClientError, match="a score needs a name"):
            client.score(recorder.id, " ", 1)


def test_a_job_s_cost_is_estimated_and_none_is_started(service: LiveService) -> None:
    with service.client() as client:
        with client.recorder("desk") as recorder:
            recorder.llm_call(purpose="should_respond", model="m", userPrompt="u", response="RESPOND")
        dataset = client.build_dataset(minLlmCallsPerTrajectory=1)["id"]
        write_dataset(service.settings.training_dir / "datasets" / dataset, rows(100))
        estimate = client.estimate_job(datasetId=dataset, task="should_respond", maxCalls=300)
        assert estimate["calls"]["total"] == 300
        with pytest.raises(WhetstoneClientError, match="needs a dataset"):
            client.estimate_job()
        assert client.status()["jobCount"] == 0
