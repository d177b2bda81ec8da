"""Names that announce a secret, in code, files and sentences, and how much each of them proves."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final, NamedTuple


class Strength(Enum):
    """How much a name says about its value."""

    PASSWORD = "password"  # noqa: S105  # a name, not a password
    """Any value but a plain word of the language."""
    SECRET = "secret"  # noqa: S105
    """A value that is not made of words."""
    WEAK = "weak"
    """Only a value that looks random."""


class Name(NamedTuple):
    """A place where a secret is named."""

    start: int
    """Where the whole identifier begins."""
    end: int
    strength: Strength
    provider: str
    """The provider that the identifier names, or nothing."""
    constant: bool
    """Whether it is written like an environment variable."""


# Beginnings of all names, each a literal so that the scan is fast. The text is in lower case.
_ROOTS: Final = re.compile(
    "pass|pwd|pw|psw|secret|token|key|cred|auth|sig|kennwort|contras|mot de passe|senha|wachtwoord"
    "|has[łl]o|parola|lösenord|adgangskode|salasana|[şs]ifre|heslo|jelszó|пароль|密码|密碼|口令|パスワード|비밀번호|sas_"
)
_NAME: Final = re.compile(
    r"(?P<password>pass(?:word|wd|phrase|code|wort|wrd)?s?|passkey|pwd?|psw|kennwort|contraseñ?n?a|mot de passe|senha|wachtwoord"
    r"|has[łl]o|parola|lösenord|adgangskode|salasana|[şs]ifre|heslo|jelszó|пароль|密码|密碼|口令|パスワード|비밀번호)"
    r"|(?P<secret>secret(?:[ _.-]?access)?(?:[ _.-]?key)?s?|tokens?|credentials?|creds?|authtoken|authkey|authcode)"
    r"|(?P<key>keys?)|(?P<weak>auth|signature|sig|sas_url)"
)
_TAIL: Final = re.compile(
    r"(?:[_-]?(?:value|val|string|str|text|plain|base64|b64|hex|prod|production|dev|test|staging|live|sandbox|old|new|current|next"
    r"|primary|secondary|default|root|admin|v?\d{1,2}))?(?!\w)"
)
_SPACED_TAIL: Final = re.compile(r"[ \t]?(?:value|string)?(?!\w)")
_IDENTIFIER: Final = "abcdefghijklmnopqrstuvwxyz0123456789_-.$"
_REACH: Final = 48

# Keys that are secrets, by the word before; `key` alone proves little.
_SECRET_KEYS: Final = (
    "api", "access", "secret", "private", "signing", "encryption", "decryption", "auth", "account", "master", "admin", "service",
    "deploy", "license", "licence", "webhook", "hmac", "aes", "jwt", "ssh", "storage", "subscription", "shared", "rest", "app",
    "application", "client", "bot", "consumer", "server", "security", "integration", "write", "read", "ingest", "user", "developer",
    "product", "wallet", "session", "cookie", "crypt", "fernet", "cipher", "root", "bearer", "recovery", "function", "project",
    "org", "zone", "wifi", "wpa", "wpa2", "network",
)  # fmt: skip
_HARMLESS_KEYS: Final = frozenset(
    [
        "public", "pub", "primary", "foreign", "sort", "partition", "cache", "hot", "idempotency", "row", "object", "s3", "map",
        "dict", "unique", "short", "arrow", "lookup", "column", "group", "hash", "range", "index", "translation", "message",
        "routing", "registry", "json", "config", "react", "state", "item", "by", "host", "pass", "val", "len", "col", "dis",
    ]
)  # fmt: skip
# Of a password these words say that none follows; of a token also that it is a unit of text or a place in a list.
_HARMLESS_ANYWHERE: Final = frozenset(
    [
        "max", "min", "num", "n", "by", "no", "not", "without", "enable", "enabled", "require", "requires", "has", "is", "show",
        "hide", "toggle", "forgot", "reset", "change", "validate", "check", "verify", "invalid", "missing", "wrong",
    ]
)  # fmt: skip
_HARMLESS_TOKENS: Final = _HARMLESS_ANYWHERE | frozenset(
    [
        "page", "next", "nextpage", "continuation", "sync", "cursor", "prev", "previous", "pad", "eos", "bos", "unk", "stop",
        "start", "end", "special", "mask", "sep", "cls", "first", "last", "prompt", "completion", "input", "output", "total",
        "per", "de", "un", "image", "audio", "text", "reasoning", "cached", "used", "new", "forward", "pagination", "offset",
        "resume", "skip", "syntax", "lexer", "operator", "string",
    ]
)  # fmt: skip
_GLUE: Final = (
    "api", "access", "secret", "private", "auth", "account", "user", "db", "database", "my", "client", "refresh", "id", "bot",
    "root", "admin", "app", "shared", "mysql", "pg", "postgres", "redis", "smtp", "mail", "wifi", "ssh", "login", "csrf", "xsrf",
    "bearer", "session", "github", "new", "old", "personal", "master", "encryption", "signing",
)  # fmt: skip
_ASCII_WORD: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_HUMP: Final = re.compile(r"[a-z0-9]([A-Z][a-z]*)\Z")
_BOUNDED: Final = frozenset(
    [
        "pw",
        "pass",
        "auth",
        "sig",
        "sess",
        "cred",
        "creds",
        "key",
        "keys",
        "pwd",
        "psw",
        "parola",
        "haslo",
        "sifre",
    ]
)
_PROVIDERS: Final = re.compile(
    "adafruit|algolia|alchemy|amplitude|anthropic|assemblyai|auth0|aws|azure|bing|bitly|box|cerebras|clerk|clickhouse|cloudflare"
    "|cloudinary|codecov|cohere|coinbase|confluent|datadog|deepgram|deepinfra|deepseek|deepl|discord|docusign|elastic|etherscan|exa"
    "|facebook|fastly|finnhub|firebase|fireworks|freshdesk|gemini|github|gitlab|giphy|google|grafana|groq|heroku|hetzner|honeycomb"
    "|huggingface|hugging_face|infura|intercom|jira|kraken|langsmith|launchdarkly|linode|linkedin|mailchimp|mailgun|mapbox|mattermost"
    "|meraki|mistral|mixpanel|mongodb|moonshot|netlify|newrelic|new_relic|nytimes|okta|openai|openrouter|openweather|opsgenie|pagerduty"
    "|paypal|perplexity|pinecone|plaid|polygon|postmark|pusher|qdrant|railway|rapidapi|reddit|replicate|rollbar|sambanova|segment"
    "|sendgrid|sentry|serpapi|serper|shopify|slack|snowflake|snyk|sonar|spotify|square|stability|steam|stripe|sumologic|supabase"
    "|telegram|todoist|together|travis|trello|tavily|twilio|twitch|twitter|upstash|vercel|voyage|vultr|wandb|weaviate|weatherapi|webex"
    "|yelp|youtube|zendesk|zhipu|zoom"
)


def lowered(text: str) -> str:
    """The text in lower case, all offsets kept (one letter, the Turkish dotted I, would become two)."""
    return text.replace("\u0130", "i").lower()


def find_names(text: str, lower: str, start: int) -> Name | None:
    """The next place at or behind `start` where a secret is named."""
    root = _ROOTS.search(lower, start)
    while root is not None:
        name = _name_at(text, lower, root.start())
        if name is not None:
            return name
        root = _ROOTS.search(lower, root.end())
    return None


def _name_at(text: str, lower: str, start: int) -> Name | None:
    match = _NAME.match(lower, start)
    if match is None:
        return None
    tail = _TAIL.match(lower, match.end()) or _SPACED_TAIL.match(lower, match.end())
    if tail is None:
        return None
    window = lower[max(0, start - _REACH) : start]
    head = window[len(window.rstrip(_IDENTIFIER)) :]
    if not _begins_word(text, start, head, match[0]):
        return None
    strength = _strength(match, *_words_before(text, start))
    if strength is None:
        return None
    first = start - len(head)
    provider = _PROVIDERS.search(head)
    written = text[first : tail.end()]
    constant = written.isupper() and len(written) > 2
    return Name(first, tail.end(), strength, provider[0].replace("_", "") if provider else "", constant)


def _begins_word(text: str, start: int, head: str, name: str) -> bool:
    """Whether the name is a word of its own: at a boundary, at a hump of camel case, or after a usual first part."""
    if not head or (text[start].isupper() and not text[start - 1].isupper()):
        return True
    return not _is_letter(head[-1]) or (name not in _BOUNDED and len(name) > 5) or head.endswith(_GLUE)


def _is_letter(character: str) -> bool:
    return "a" <= character <= "z" or "а" <= character <= "я"  # Latin, then Cyrillic


def _words_before(text: str, start: int) -> tuple[str, str]:
    """The word before a name, and its last hump where it is written in camel case, both in lower case."""
    window = text[max(0, start - _REACH) : start]
    end = len(window)
    while end > len(window) - 2 and window[end - 1 : end] in (" ", "_", ".", "-"):
        end -= 1
    window = window[:end]
    word = window[len(window.rstrip(_ASCII_WORD)) :]
    hump = _HUMP.search(word, max(0, len(word) - 16)) if not word.islower() else None
    return word.lower(), hump[1].lower() if hump else ""


def _strength(match: re.Match[str], word: str, hump: str) -> Strength | None:
    if match["password"]:
        return None if word in _HARMLESS_ANYWHERE or hump in _HARMLESS_ANYWHERE else Strength.PASSWORD
    if word in _HARMLESS_TOKENS or hump in _HARMLESS_TOKENS:
        return None
    if match["secret"]:
        return Strength.SECRET
    if match["key"]:
        if word in _HARMLESS_KEYS or hump in _HARMLESS_KEYS:
            return None
        return Strength.SECRET if word == "x" or word.endswith(_SECRET_KEYS) else Strength.WEAK
    return Strength.WEAK
