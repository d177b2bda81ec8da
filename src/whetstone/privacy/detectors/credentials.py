"""Credentials that can be told by their shape alone.

The first five rules and their labels are those of the wire contract (§11.2); the others follow the prefixes that the
providers document for their tokens.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from whetstone.privacy.detectors.detector import PatternDetector
from whetstone.privacy.detectors.spans import Order
from whetstone.privacy.replacement.placeholders import label


class _Rule(NamedTuple):
    kind: str
    pattern: str
    triggers: tuple[str, ...]
    flags: int = 0


# A token does not start in the middle of a word, or `task-…` would hold an `sk-…` key.
_START = r"(?<![A-Za-z0-9])"
# Where a prefix may itself repeat inside a run, only the beginning of the run is tried.
_RUN_START = r"(?<![A-Za-z0-9_-])"

_FURTHER_PREFIXES = (
    "ntn_", "secret_", "lin_api_", "PMAK-", "NRAK-", "figd_", "sq0", "dp.", "glsa_", "EAA", "pat", "AGE-",
    "sbp_", "rubygems_", "nvapi-", "fw_",
)  # fmt: skip
_RULES = (
    _Rule("anthropic-key", _START + r"sk-ant-[A-Za-z0-9_-]{16,}+", ("sk-ant-",)),
    _Rule("openai-key", _START + r"sk-[A-Za-z0-9_-]{16,}+", ("sk-",)),
    _Rule(
        "bearer",
        r"\bbearer\s{1,4}[A-Za-z0-9._-]{16,}+[A-Za-z0-9._~+/=-]*+",
        ("earer", "EARER"),
        re.IGNORECASE,
    ),
    _Rule(
        "github-token",
        _START + r"(?:gh[pousr]_[A-Za-z0-9]{20,}+|github_pat_[A-Za-z0-9_]{20,}+)",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    ),
    _Rule("aws-access-key", _START + r"A(?:KIA|SIA)[0-9A-Z]{16}(?![0-9A-Za-z])", ("AKIA", "ASIA")),
    _Rule(
        "private-key",
        r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----"
        r"(?:(?:[^-]|-(?!----))*+-----END (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----"
        # A block that was cut off ends with its last line of base64.
        r"|(?:\s|\\[nr]|[A-Za-z0-9+/=]{16,})*+)",
        ("PRIVATE KEY",),
    ),
    _Rule(
        "jwt",
        _RUN_START + r"eyJ[A-Za-z0-9_-]{8,}+\.{1,2}[A-Za-z0-9_-]{8,}+(?:\.[A-Za-z0-9_-]++){0,3}",
        ("eyJ",),
    ),
    _Rule("slack-token", _START + r"xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{10,}+", ("xox",)),
    _Rule("slack-token", _START + r"xapp-[0-9]-[A-Za-z0-9-]{10,}+", ("xapp-",)),
    _Rule(
        "slack-webhook",
        r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{10,}+",
        ("hooks.slack.com/",),
    ),
    _Rule(
        "discord-webhook",
        r"discord(?:app)?\.com/api/webhooks/\d{10,25}/[A-Za-z0-9_-]{20,}+",
        ("/api/webhooks/",),
    ),
    _Rule("google-api-key", _START + r"AIza[A-Za-z0-9_-]{30,}+", ("AIza",)),
    _Rule(
        "google-token",
        _START + r"(?:ya29\.[A-Za-z0-9_-]{20,}+|GOCSPX-[A-Za-z0-9_-]{20,}+|1//0[A-Za-z0-9_-]{30,}+)",
        ("ya29.", "GOCSPX-", "1//0"),
    ),
    _Rule(
        "stripe-key",
        _START + r"(?:[srp]k_(?:live|test)_[A-Za-z0-9]{10,}+|whsec_[A-Za-z0-9+/=]{16,}+)",
        ("k_live_", "k_test_", "whsec_"),
    ),
    _Rule("gitlab-token", _START + r"gl(?:pat|dt|ptt|rt|soat|cbt|oas)-[A-Za-z0-9_-]{20,}+", ("gl",)),
    _Rule("huggingface-token", _START + r"hf_[A-Za-z0-9]{20,}+", ("hf_",)),
    _Rule("groq-key", _START + r"gsk_[A-Za-z0-9]{20,}+", ("gsk_",)),
    _Rule("xai-key", _START + r"xai-[A-Za-z0-9]{20,}+", ("xai-",)),
    _Rule("perplexity-key", _START + r"pplx-[A-Za-z0-9]{20,}+", ("pplx-",)),
    _Rule("replicate-token", _START + r"r8_[A-Za-z0-9]{20,}+", ("r8_",)),
    _Rule("tavily-key", _START + r"tvly-[A-Za-z0-9_-]{16,}+", ("tvly-",)),
    _Rule("npm-token", _START + r"npm_[A-Za-z0-9]{30,}+", ("npm_",)),
    _Rule("pypi-token", _START + r"pypi-[A-Za-z0-9_-]{30,}+", ("pypi-",)),
    _Rule("sendgrid-key", _RUN_START + r"SG\.[A-Za-z0-9_-]{16,}+\.[A-Za-z0-9_-]{16,}+", ("SG.",)),
    _Rule("mailgun-key", _START + r"key-[0-9a-f]{32}(?![0-9A-Za-z])", ("key-",)),
    _Rule("twilio-key", _START + r"(?:SK|AC)[0-9a-f]{32}(?![0-9A-Za-z])", ("SK", "AC")),
    _Rule("digitalocean-token", _START + r"do[por]_v1_[0-9a-f]{32,}+", ("_v1_",)),
    _Rule(
        "shopify-token",
        _START + r"shp(?:at|ca|pa|ss)_[0-9A-Fa-f]{32,}+",
        ("shpat_", "shpca_", "shppa_", "shpss_"),
    ),
    _Rule("databricks-token", _START + r"dapi[0-9a-f]{32}(?:-\d)?(?![0-9A-Za-z])", ("dapi",)),
    _Rule("vault-token", _START + r"hv[sbr]\.[A-Za-z0-9_-]{20,}+", ("hvs.", "hvb.", "hvr.")),
    _Rule(
        "telegram-token",
        r"(?<![A-Za-z0-9])(?:bot)?\d{8,10}:AA[A-Za-z0-9_-]{32,34}(?![A-Za-z0-9_-])",
        (":AA",),
    ),
    _Rule(
        "discord-token",
        _RUN_START + r"[MNO][A-Za-z0-9_-]{22,28}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}(?![A-Za-z0-9_-])",
        (".",),
    ),
    _Rule(
        "provider-token",
        _START + r"(?:ntn_[A-Za-z0-9]{40,}+|secret_[A-Za-z0-9]{40,}+|lin_api_[A-Za-z0-9]{32,}+"
        r"|PMAK-[A-Za-z0-9-]{40,}+|NRAK-[A-Z0-9]{20,}+|figd_[A-Za-z0-9_-]{30,}+|sq0[a-z]{3}-[A-Za-z0-9_-]{20,}+"
        r"|dp\.(?:pt|st|ct)\.[A-Za-z0-9]{32,}+|glsa_[A-Za-z0-9_]{32,}+|EAA[A-Za-z0-9]{60,}+"
        r"|pat[A-Za-z0-9]{14}\.[0-9a-f]{40,}+|AGE-SECRET-KEY-1[0-9A-Z]{50,}+|sbp_[0-9a-f]{40}|rubygems_[0-9a-f]{40,}+"
        r"|dckr_pat_[A-Za-z0-9_-]{20,}+|nvapi-[A-Za-z0-9_-]{30,}+|fw_[A-Za-z0-9]{20,}+)",
        _FURTHER_PREFIXES,
    ),
    # User information of a URL: name and password, or a long token alone. The scheme and the host stay.
    _Rule(
        "url-credentials",
        r"(?<=://)(?:[^\s:/@\"'<>]{0,128}:[^\s/\"'<>]{1,256}|[A-Za-z0-9_.~%-]{16,128})(?=@[\w.\[-])",
        ("://",),
    ),
    _Rule(
        "basic-auth",
        r"(?<=basic )\s{0,3}[A-Za-z0-9+/]{12,}+={0,2}(?![\w-])",
        ("asic ", "ASIC "),
        re.IGNORECASE,
    ),
)


def _basic_auth_context(match: re.Match[str]) -> bool:
    """Basic is an ordinary word: its value counts only where a header is written."""
    return "authorization" in match.string[max(0, match.start() - 40) : match.start()].lower()


def credential_detectors() -> list[PatternDetector]:
    """All shapes, the more specific before the more general."""
    return [
        PatternDetector(
            kind=rule.kind,
            replacement=label(rule.kind),
            order=Order.CREDENTIAL,
            pattern=re.compile(rule.pattern, rule.flags),
            triggers=rule.triggers,
            accept=_basic_auth_context if rule.kind == "basic-auth" else None,
            rank=rank,
        )
        for rank, rule in enumerate(_RULES)
    ]
