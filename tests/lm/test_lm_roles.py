"""Which model has which role, and what its calls cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from lm_tools import ask, peer_client
from openai_peer import OpenAIPeer
from whetstone.errors import InvalidInputError
from whetstone.lm.client import LMClient
from whetstone.lm.local import LocalModel
from whetstone.lm.prices import Prices
from whetstone.lm.types import Completer
from whetstone.lm_settings import Role
from whetstone.settings import Settings

_ROLES: tuple[Role, ...] = ("reflection", "teacher", "judge")


def task_settings(**changes: object) -> Settings:
    values: dict[str, object] = {
        "lm_provider": "openai",
        "lm_base_url": "https://models.example/v1/",
        "lm_model": "small",
        "lm_api_key": SecretStr("task key"),
        "lm_concurrency": 7,
    }
    return Settings(_env_file=None, **(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("role", _ROLES)
def test_a_role_without_settings_is_the_task_s_model(role: Role) -> None:
    settings = task_settings()
    assert settings.lm_role(role) == settings.lm_role("task")
    assert settings.lm_role(role).same_model(settings.lm_role("task"))


@pytest.mark.parametrize("role", _ROLES)
def test_each_value_falls_back_alone(role: Role) -> None:
    settings = task_settings(**{f"{role}_lm_model": "large"})
    found = settings.lm_role(role)
    assert (found.provider, found.base_url, found.model) == ("openai", "https://models.example/v1", "large")
    assert found.api_key is not None
    assert found.api_key.get_secret_value() == "task key"
    assert not found.same_model(settings.lm_role("task"))


@pytest.mark.parametrize(
    ("base_url", "key"),
    [
        ("https://models.example/other", "task key"),
        ("https://models.example:8443/v1", None),
        ("http://models.example/v1", None),
        ("https://elsewhere.example/v1", None),
        ("http://[", None),
    ],
)
def test_the_task_s_key_goes_to_no_other_host(base_url: str, key: str | None) -> None:
    found = task_settings(teacher_lm_base_url=base_url).lm_role("teacher").api_key
    assert (found and found.get_secret_value()) == key


def test_a_key_alone_makes_no_other_model() -> None:
    settings = task_settings(judge_lm_api_key=SecretStr("judge key"))
    found = settings.lm_role("judge")
    assert found.api_key == SecretStr("judge key")
    assert found.same_model(settings.lm_role("task"))
    assert "judge key" not in repr(found)


def test_the_embedded_model_may_have_a_stronger_teacher() -> None:
    settings = Settings(_env_file=None, lm_concurrency=7, local_lm_parallel=2, teacher_lm_model="large")
    task, teacher, judge = (settings.lm_role(role) for role in ("task", "teacher", "judge"))
    assert (task.provider, task.width) == ("local", 2)
    assert judge == task
    assert (teacher.provider, teacher.model, teacher.width) == ("openai", "large", 7)
    assert settings.lm_width == 2


def test_a_role_s_endpoint_needs_a_model(settings: Settings) -> None:
    settings = settings.model_copy(update={"judge_lm_base_url": "http://127.0.0.1:1/v1"})
    with pytest.raises(InvalidInputError, match="WHETSTONE_JUDGE_LM_MODEL"):
        LMClient.from_settings(settings, "judge")


async def test_each_role_asks_its_own_model(settings: Settings, openai_peer: OpenAIPeer) -> None:
    with OpenAIPeer(lambda _: "from the judge") as other:
        changes: dict[str, Any] = {
            "reflection_lm_model": "large",
            "judge_lm_model": "strict",
            "judge_lm_base_url": other.base_url,
            "judge_lm_api_key": SecretStr("judge key"),
            "lm_api_key": SecretStr("task key"),
        }
        answers = {}
        for role in ("task", "reflection", "teacher", "judge"):
            async with peer_client(settings, openai_peer, role=role, **changes) as client:
                completer: Completer = client
                answers[completer.model] = (await completer.complete(ask("hi"))).text
        assert answers == {"peer-model": "hi", "large": "hi", "strict": "from the judge"}
        [call] = other.calls
        assert call.headers["authorization"] == "Bearer judge key"
    assert [call.body["model"] for call in openai_peer.calls] == ["peer-model", "large"], (
        "teacher = task: cached"
    )


def test_prices_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WHETSTONE_LM_PRICES", '{"small": {"input": 0.15, "output": 0.6}}')
    monkeypatch.setenv("WHETSTONE_LM_PROVIDER", "openai")
    settings = Settings()
    prices = Prices.from_settings(settings)
    assert prices.cost("small", 1_000_000, 500_000) == pytest.approx(0.45)
    assert prices.cost("large", 1, 1) is None
    child = settings.child_environment()["WHETSTONE_LM_PRICES"]
    assert Settings(_env_file=None, WHETSTONE_LM_PRICES=child).lm_prices == settings.lm_prices


@pytest.mark.parametrize(
    "text",
    [
        "0.15",
        "[]",
        "{",
        '{"m": 1}',
        '{"m": {"input": 1}}',
        '{"m": {"input": 1, "output": -1}}',
        '{"m": {"input": 1, "output": "2"}}',
        '{"m": {"input": 1, "output": true}}',
        '{"m": {"input": 1, "output": 2, "cached": 1}}',
    ],
)
def test_wrong_prices_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValidationError, match=r'must be JSON like \{"my-model"'):
        Settings(_env_file=None, lm_prices=text)


def test_the_embedded_model_is_free(settings: Settings) -> None:
    model = LocalModel(settings).model
    assert Prices.from_settings(settings).cost(model, 10**6, 10**6) == 0
    priced = settings.model_copy(update={"lm_prices": {model: {"input": 1.0, "output": 1.0}}})
    assert Prices.from_settings(priced).cost(model, 10**6, 0) == 1
