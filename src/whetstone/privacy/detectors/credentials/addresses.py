"""Secrets in web addresses: user information, secret paths of webhooks, signatures of queries."""

from __future__ import annotations

import re
from typing import Final

from whetstone.privacy.detectors.detector import Detector, PatternDetector
from whetstone.privacy.detectors.spans import Order
from whetstone.privacy.replacement.placeholders import label

_WEBHOOKS: Final = (
    ("slack-webhook", r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{10,}+", "hooks.slack.com/"),
    (
        "slack-webhook",
        r"hooks\.slack-gov\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{10,}+",
        "hooks.slack-gov.com/",
    ),
    (
        "discord-webhook",
        r"discord(?:app)?\.com/api/(?:v\d{1,2}/)?webhooks/\d{10,25}/[A-Za-z0-9_-]{20,}+",
        "/webhooks/",
    ),
    ("teams-webhook", r"webhook\.office\.com/webhookb?2?/[A-Za-z0-9@/-]{20,}+", "webhook.office.com/"),
    ("teams-webhook", r"outlook\.office(?:365)?\.com/webhook/[A-Za-z0-9@/-]{20,}+", "outlook.office"),
    ("zapier-webhook", r"hooks\.zapier\.com/hooks/(?:catch|standard)/[A-Za-z0-9/]{8,}+", "hooks.zapier.com/"),
    ("make-webhook", r"hook\.(?:[a-z]{2}\d\.)?(?:make|integromat)\.com/[a-z0-9]{20,}+", "hook."),
    ("ifttt-webhook", r"maker\.ifttt\.com/trigger/[\w-]{1,80}/(?:json/)?with/key/[\w-]{16,}+", "maker.ifttt.com/"),
    ("mattermost-webhook", r"(?<=/hooks/)[a-z0-9]{26}(?![A-Za-z0-9])", "/hooks/"),
    ("pipedream-webhook", r"(?<=//)[a-z0-9]{12,20}\.m\.pipedream\.net", ".m.pipedream.net"),
    ("telegram-token", r"(?<=api\.telegram\.org/bot)\d{6,12}:[\w-]{20,}+", "api.telegram.org/bot"),
)  # fmt: skip
_SIGNED: Final = (
    ("azure-sas", r"(?<=[?&]sig=)[A-Za-z0-9%+/=_-]{20,}+", ("sig=",)),
    (
        "url-signature",
        r"(?<=[?&])(?:(?:X-(?:Amz|Goog)-)?Signature=|X-Amz-Security-Token=|X-Amz-Signature=)(?P<value>[A-Za-z0-9%+/=_.~-]{16,}+)",
        ("Signature=", "Security-Token="),
    ),
)
# Name and password, or a long token alone. The scheme and the host stay.
_USER_INFORMATION: Final = re.compile(
    r"(?<=://)(?:(?P<user>[^\s:/@\"'<>`]{0,128}):(?P<password>[^\s/\"'<>`]{1,256})|[A-Za-z0-9_.~%-]{16,128})(?=@[\w.\[-])"
)
_TEMPLATE: Final = re.compile(
    r"(?:\$?\{{1,2}[^{}]{1,60}\}{1,2}|\$[A-Z_]\w*|%\w?|\*+|x{3,}|X{3,}|\.{3}|\[[\w -]{1,40}\]|%\(\w+\)s)\Z"
)

_EXAMPLE_USER: Final = re.compile(r"(?:user|usr|username|your[-_]?user(?:name)?|login|name)\Z", re.IGNORECASE)
_EXAMPLE_PASSWORD: Final = re.compile(r"(?:pass|password|passwd|pwd|pw|your[-_]?password)\Z", re.IGNORECASE)


def _is_user_information(match: re.Match[str]) -> bool:
    password = match["password"]
    if password is None:
        return any(map(str.isdigit, match[0]))
    if _EXAMPLE_USER.match(match["user"]) and _EXAMPLE_PASSWORD.match(password):
        return False
    return _TEMPLATE.match(password) is None


def address_secret_detectors(rank: int) -> list[Detector]:
    """Detectors of secrets that are part of a URL."""
    webhooks = [
        PatternDetector(kind, label(kind), Order.CREDENTIAL, re.compile(pattern), (trigger,), rank=rank)
        for kind, pattern, trigger in _WEBHOOKS
    ]
    signed = [
        PatternDetector(
            kind,
            label(kind),
            Order.CREDENTIAL,
            re.compile(pattern),
            triggers,
            group="value" if "(?P<value>" in pattern else 0,
            rank=rank,
        )
        for kind, pattern, triggers in _SIGNED
    ]
    sentry = PatternDetector(
        "sentry-dsn",
        label("sentry-dsn"),
        Order.CREDENTIAL,
        re.compile(r"(?<=://)[0-9a-f]{32}(?::[0-9a-f]{32})?(?=@[\w.-]{1,80}/\d)"),
        ("://",),
        rank=rank,
    )
    user_information = PatternDetector(
        "url-credentials",
        label("url-credentials"),
        Order.CREDENTIAL,
        _USER_INFORMATION,
        ("://",),
        accept=_is_user_information,
        rank=rank + 1,
    )
    return [*webhooks, *signed, sentry, user_information]
