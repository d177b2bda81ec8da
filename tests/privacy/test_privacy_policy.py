"""Policies: how strictly whose trajectories are filtered, and what no policy lifts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from one_name import MeiFinder
from privacy_samples import CREDENTIALS
from whetstone.app import create_app
from whetstone.errors import InvalidInputError, UnavailableError
from whetstone.privacy.config import PrivacyConfig
from whetstone.privacy.detectors.spans import Order
from whetstone.privacy.filtered import Dropped, Filtered
from whetstone.privacy.gate import PrivacyGate
from whetstone.privacy.kinds import SWITCHABLE
from whetstone.privacy.policy import AppliedPolicy, Policy, PolicyTable
from whetstone.settings import Settings

Make = Callable[..., dict[str, Any]]
REASON = "synthetic test users only"
OWN = {"policy": "off-for-own-data", "reason": REASON}
MAIL = "jane.doe@example.org"


def settings_of(tmp_path: Path, **changes: Any) -> Settings:
    if isinstance(changes.get("privacy_policies"), dict):
        changes["privacy_policies"] = json.dumps(changes["privacy_policies"])
    return Settings(_env_file=None, state_dir=tmp_path, **changes)


def gate_of(config: PrivacyConfig | None = None, names: Any = None, **rules: Any) -> PrivacyGate:
    settings = Settings(_env_file=None, privacy_policies=json.dumps(rules.pop("rules", {})), **rules)
    return PrivacyGate(config or PrivacyConfig(), PolicyTable.from_settings(settings), names)


def prompt_of(outcome: Any) -> str:
    assert isinstance(outcome, Filtered), outcome
    text: str = outcome.value["steps"][0]["llmCalls"][0]["userPrompt"]
    return text


def test_the_agent_decides_before_the_source_before_the_default(tmp_path: Path) -> None:
    rules = {"source:eliza": "strict", "agent:my-bot": OWN}
    table = PolicyTable.from_settings(settings_of(tmp_path, privacy_policies=rules))
    assert table.of({"source": "eliza", "agentId": "my-bot"}) == (Policy.OFF_FOR_OWN_DATA, REASON)
    assert table.of({"source": "eliza", "agentId": "other"}) == (Policy.STRICT, None)
    assert table.of({"source": "chat"}) == AppliedPolicy(Policy.STANDARD)
    assert table.of({"source": ["eliza"], "agentId": None}) == AppliedPolicy(Policy.STANDARD)


def test_the_default_is_a_setting(tmp_path: Path) -> None:
    assert (
        PolicyTable.from_settings(settings_of(tmp_path, privacy_policy="strict")).default.policy
        is Policy.STRICT
    )
    table = PolicyTable.from_settings(settings_of(tmp_path, privacy_policies={"default": OWN}))
    assert table.default == (Policy.OFF_FOR_OWN_DATA, REASON)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"privacy_policy": "lenient"}, "'lenient' is no policy; there are strict, standard"),
        ({"privacy_policy": "off-for-own-data"}, "needs a written reason"),
        ({"privacy_policies": "{"}, "not JSON"),
        ({"privacy_policies": "[]"}, "not a JSON object"),
        ({"privacy_policies": {"bot": "strict"}}, "'bot' is not 'default', 'source:NAME' or 'agent:NAME'"),
        ({"privacy_policies": {"agent:": "strict"}}, "'agent:' is not"),
        ({"privacy_policies": {"agent:x": 3}}, "agent:x"),
        ({"privacy_policies": {"agent:x": {"policy": "strict", "why": "x"}}}, "agent:x"),
        ({"privacy_policies": {"agent:x": "off-for-own-data"}}, "agent:x: off-for-own-data needs a 'reason'"),
        (
            {"privacy_policies": {"agent:x": {"policy": "off-for-own-data", "reason": "       "}}},
            "needs a 'reason'",
        ),
        ({"privacy_policies": {"agent:x": {"policy": "off-for-own-data", "reason": 12345678}}}, "needs a"),
        ({"privacy_disabled_detectors": ["email", "openai-key"]}, "openai-key"),
        ({"privacy_disabled_detectors": ["deny-list"]}, "always removed"),
        ({"privacy_disabled_detectors": ["emial"]}, "emial"),
        ({"privacy_patterns": '{"order-id": "(a"}'}, "order-id"),
        ({"privacy_allow_list": ["*"]}, "WHETSTONE_PRIVACY_ALLOW_LIST"),
        ({"privacy_deny_list": ["@/no/such/file"]}, "WHETSTONE_PRIVACY_DENY_LIST"),
    ],
)
def test_settings_that_make_no_sense_are_refused_at_start(
    changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        create_app(settings_of(tmp_path, **changes))
    assert said in refused.value.message


def test_own_data_keeps_persons_and_loses_credentials(make_document: Make) -> None:
    config = PrivacyConfig(secrets={"ACME_TOKEN": "tango-x9-foxtrot"}, deny_list=("umbrella",))
    gate = gate_of(config, rules={"agent:agent-1": OWN})
    for kind, credential in CREDENTIALS.items():
        text = f"{MAIL} has {credential} and tango-x9-foxtrot of Umbrella"
        prompt = prompt_of(gate.trajectory(make_document(userPrompt=text)))
        assert MAIL in prompt
        assert credential not in prompt, kind
        assert "tango" not in prompt
        assert "mbrella" not in prompt


def test_own_data_keeps_what_keys_tell_but_credentials(make_document: Make) -> None:
    gate = gate_of(rules={"agent:agent-1": OWN})
    data = {"email": MAIL, "password": "hunter2hunter2", "lat": 52.5163, "cardNumber": "4111111111111111"}
    outcome = gate.trajectory(make_document(trajectory={"metadata": data}))
    assert isinstance(outcome, Filtered)
    metadata = outcome.value["metadata"]
    assert metadata["password"] != data["password"]
    assert metadata | {"password": data["password"]} == data


def test_no_policy_lets_a_private_entity_in(make_document: Make) -> None:
    gate = gate_of(PrivacyConfig(private_entities=("carol",)), rules={"default": OWN})
    marked = make_document(trajectory={"metadata": {"privacyLevel": "private"}})
    named = make_document(userPrompt="ask @carol")
    assert [gate.trajectory(document) for document in (marked, named)] == [
        Dropped("t-1", "entity-private")
    ] * 2


def test_the_report_shows_policies_and_reasons(make_document: Make) -> None:
    gate = gate_of(rules={"agent:mine": OWN})
    documents = [make_document(trajectory={"agentId": agent}) for agent in ("mine", "other", "mine")]
    outcomes = gate.trajectories([{**each, "trajectoryId": f"t-{n}"} for n, each in enumerate(documents)])
    assert [outcome.value["trajectoryId"] for outcome in outcomes if isinstance(outcome, Filtered)] == [
        "t-0", "t-1", "t-2",
    ]  # fmt: skip
    report = gate.report.to_dict()
    assert report["policies"] == [
        {"policy": "off-for-own-data", "reason": REASON, "trajectories": 2},
        {"policy": "standard", "reason": None, "trajectories": 1},
    ]
    assert report["trajectories"] == 3


def test_policies_change_the_configuration_hash() -> None:
    assert gate_of().report.config_hash != gate_of(rules={"agent:mine": OWN}).report.config_hash
    assert gate_of().report.config_hash == gate_of().report.config_hash


def test_strict_needs_the_names_models(make_document: Make) -> None:
    document = make_document(userPrompt="Mei Rossi is here")
    with pytest.raises(UnavailableError, match=r"strict.*names models"):
        gate_of(rules={"source:chat": "strict"}).trajectory(document)
    assert isinstance(gate_of(rules={"source:telegram": "strict"}).trajectory(document), Filtered)
    gate = gate_of(names=MeiFinder(), rules={"source:chat": "strict"})
    assert "Mei" not in prompt_of(gate.trajectory(document))
    report = gate.report.to_dict()
    assert report["models"] == [{"name": "mei", "version": "1", "sha256": "00", "licence": "MIT"}]
    assert report["byTier"] == {"names": 1}
    assert report["detected"] == [{"tier": "names", "kind": "person", "count": 1}]


def test_a_detector_that_is_off_leaves_its_kind_and_is_reported(make_document: Make) -> None:
    gate = gate_of(PrivacyConfig(disabled=frozenset(["email"])))
    text = f"{MAIL} and +44 20 7946 0958"
    prompt = prompt_of(gate.trajectory(make_document(userPrompt=text)))
    assert MAIL in prompt
    assert "7946" not in prompt
    assert gate.report.to_dict()["disabledDetectors"] == ["email"]
    assert gate.residuals([prompt]) == {"email": 1}
    assert gate.residuals(["[REDACTED_EMAIL] and <REDACTED:openai-key>"]) == {}


def test_what_can_be_switched_off_is_never_a_credential() -> None:
    config = PrivacyConfig(secrets={"ACME_TOKEN": "tango-x9-foxtrot"}, deny_list=("umbrella",))
    credentials = {
        detector.kind
        for detector in config.detectors()
        if getattr(detector, "order", None) is Order.CREDENTIAL
    }
    assert credentials
    assert not SWITCHABLE & (
        credentials | {"secret", "password", "token", "env-secret", "deny-list", "custom"}
    )
