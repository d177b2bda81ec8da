"""How strictly the trajectories of a source or of an agent are filtered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple, Self

from whetstone.errors import InvalidInputError
from whetstone.settings import Settings

_DEFAULT: Final = "default"
_SCOPES: Final = ("agent", "source")
_SHORTEST_REASON: Final = 8  # characters; "test" or "-" explains nothing to who reads the report later


class Policy(StrEnum):
    """A level of strictness. Credentials, secrets and listed words go, and private entities count, under each."""

    STRICT = "strict"
    """Everything, the names models included; what is written is scanned again and must hold nothing."""
    STANDARD = "standard"
    """Everything that is switched on and installed."""
    OFF_FOR_OWN_DATA = "off-for-own-data"
    """Personal data stays, for a written reason: the data is the operator's own, or made up."""


class AppliedPolicy(NamedTuple):
    """The policy of one trajectory, and the operator's reason for it where there is one."""

    policy: Policy
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class PolicyTable:
    """Policies by agent and by source. The agent's is taken first, then the source's, then the default."""

    default: AppliedPolicy = field(default_factory=lambda: AppliedPolicy(Policy.STANDARD))
    agents: Mapping[str, AppliedPolicy] = field(default_factory=dict)
    sources: Mapping[str, AppliedPolicy] = field(default_factory=dict)

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """The table that the settings describe.

        Raises InvalidInputError, in words for the operator, where they make no sense or a reason is missing.
        """
        rules = _parse(settings.privacy_policies)
        agents: dict[str, AppliedPolicy] = {}
        sources: dict[str, AppliedPolicy] = {}
        default: AppliedPolicy | None = None
        for key, value in rules.items():
            applied = _applied(key, value)
            scope, separator, name = key.partition(":")
            if key == _DEFAULT:
                default = applied
            elif separator and scope in _SCOPES and name:
                (agents if scope == "agent" else sources)[name] = applied
            else:
                raise _refused(f"the key {key!r} is not 'default', 'source:NAME' or 'agent:NAME'")
        return cls(default or _default_policy(settings.privacy_policy), agents, sources)

    def of(self, document: Mapping[str, Any]) -> AppliedPolicy:
        """The policy of a trajectory document."""
        for name, table in ((document.get("agentId"), self.agents), (document.get("source"), self.sources)):
            if isinstance(name, str) and name in table:
                return table[name]
        return self.default

    def to_list(self) -> list[dict[str, Any]]:
        """All rules, the default first, as JSON."""
        rows: list[tuple[str, str | None, AppliedPolicy]] = [("default", None, self.default)]
        rows += [("agent", name, applied) for name, applied in sorted(self.agents.items())]
        rows += [("source", name, applied) for name, applied in sorted(self.sources.items())]
        return [
            {"scope": scope, "name": name, "policy": applied.policy.value, "reason": applied.reason}
            for scope, name, applied in rows
        ]


def _parse(text: str) -> dict[str, Any]:
    try:
        rules = json.loads(text or "{}")
    except ValueError:
        raise _refused("it is not JSON") from None
    if not isinstance(rules, dict):
        raise _refused("it is not a JSON object")
    return rules


def _applied(key: str, value: Any) -> AppliedPolicy:
    rule = {"policy": value} if isinstance(value, str) else value
    if not isinstance(rule, dict) or set(rule) - {"policy", "reason"}:
        raise _refused(f"{key}: a policy's name, or an object with 'policy' and 'reason', is needed")
    reason = rule.get("reason")
    reason = reason.strip() if isinstance(reason, str) and reason.strip() else None
    policy = _policy(rule.get("policy"), "WHETSTONE_PRIVACY_POLICIES", key)
    if policy is Policy.OFF_FOR_OWN_DATA and len(reason or "") < _SHORTEST_REASON:
        raise _refused(
            f"{key}: {policy} needs a 'reason' of at least {_SHORTEST_REASON} characters; every report will show it"
        )
    return AppliedPolicy(policy, reason)


def _default_policy(name: str) -> AppliedPolicy:
    policy = _policy(name, "WHETSTONE_PRIVACY_POLICY", "the default")
    if policy is Policy.OFF_FOR_OWN_DATA:
        rule = '{"default": {"policy": "off-for-own-data", "reason": "…"}}'
        raise InvalidInputError(
            f"WHETSTONE_PRIVACY_POLICY: {policy} needs a written reason; set WHETSTONE_PRIVACY_POLICIES={rule} instead"
        )
    return AppliedPolicy(policy)


def _policy(name: Any, setting: str, where: str) -> Policy:
    try:
        return Policy(name)
    except ValueError:
        known = ", ".join(Policy)
        raise InvalidInputError(f"{setting}: {where}: {name!r} is no policy; there are {known}") from None


def _refused(what: str) -> InvalidInputError:
    return InvalidInputError(f"WHETSTONE_PRIVACY_POLICIES: {what}")
