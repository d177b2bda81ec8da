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
    "pass|pwd|pw|psw|secret|token|key|cred|auth|sig|sess|phpsess|connect|kennwort|contras|mot de passe|senha|wachtwoord"
    "|has[łl]o|parola|lösenord|adgangskode|salasana|[şs]ifre|heslo|jelszó|пароль|密码|密碼|口令|パスワード|비밀번호|sas_"
)
_NAME: Final = re.compile(
    r"(?P<password>pass(?:word|wd|phrase|code|wort|wrd)?s?|passkey|pwd?|psw|kennwort|contraseñ?n?a|mot de passe|senha|wachtwoord"
    r"|has[łl]o|parola|lösenord|adgangskode|salasana|[şs]ifre|heslo|jelszó|пароль|密码|密碼|口令|パスワード|비밀번호)"
    r"|(?P<secret>secret(?:[ _.-]?access)?(?:[ _.-]?key)?s?|tokens?|credentials?|creds?|authtoken|authkey|authcode)"
    r"|(?P<key>keys?)|(?P<weak>auth|signature|sig|sessionid|session[_-]?key|sess|phpsessid|connect\.sid|sas_url)"
)
_TAIL: Final = re.compile(
    r"(?:[_-]?(?:value|val|string|str|text|plain|base64|b64|hex|prod|production|dev|test|staging|live|sandbox|old|new|current|next"
    r"|primary|secondary|default|root|admin|v?\d{1,2}))?(?!\w)"
)
_SPACED_TAIL: Final = re.compile(r"[ \t]?(?:value|string)?(?!\w)")
_IDENTIFIER: Final = "abcdefghijklmnopqrstuvwxyz0123456789_-.$"
_REACH: Final = 48

# Keys that are secrets, by the word before; `key` alone proves little.
_SECRET_KEY: Final = re.compile(
    r"(?:api|access|secret|private|signing|encryption|decryption|auth|account|master|admin|service|deploy|licen[cs]e|webhook|hmac"
    r"|aes|jwt|ssh|storage|subscription|shared|rest|app|application|client|bot|consumer|server|security|integration|write|read"
    r"|ingest|user|developer|product|wallet|session|cookie|crypt|fernet|cipher|root|bearer|recovery|host|function|project|org|zone"
    r"|wifi|wpa2?|network|x)[ _.-]?\Z"
)
_HARMLESS_KEY: Final = re.compile(
    r"(?:public|pub|primary|foreign|sort|partition|cache|hot|idempotency|row|object|s3|map|dict|unique|short|arrow|lookup|column"
    r"|group|hash|range|index|translation|message|routing|storage_?object|registry|json|config|react|state|query|item|order_?by|mon"
    r"|don|tur|hoc|jock|whis|pass|host|jour|honey|ck|wat|val|kid|chim|mal|alu|bar|len|grey|lac|mic|dis|turn|low|smo)[ _.-]?\Z"
)
# Tokens that are units of text or places in a list; identifiers of secrets rather than secrets.
_HARMLESS: Final = re.compile(
    r"(?:page|next|nextpage|next_page|continuation|sync|cursor|prev|previous|max|min|pad|eos|bos|unk|stop|start|end|special|mask"
    r"|sep|cls|first|last|prompt|completion|input|output|num|n|total|per|de|un|image|audio|text|reasoning|cached|used|new|forward"
    r"|pagination|offset|resume|skip|syntax|lexer|operator|string|by|no|not|without|enable|enabled|require|requires|has|is|show"
    r"|hide|toggle|forgot|reset|change|validate|check|verify|invalid|missing|wrong)[ _.-]{0,2}\Z"
)
_GLUE: Final = re.compile(
    r"(?:[^a-zа-я]|api|access|secret|private|auth|account|user|db|database|my|client|refresh|id|bot|root|admin|app|shared|mysql|pg"
    r"|postgres|redis|smtp|mail|wifi|ssh|login|csrf|xsrf|bearer|session|github|new|old|personal|master|encryption|signing)\Z"
)
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
    if not _begins_word(text, start, head, match[0]) or _HARMLESS.search(window):
        return None
    strength = _strength(match, window)
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
    return (
        not head[-1].isalpha() or (name not in _BOUNDED and len(name) > 5) or _GLUE.search(head) is not None
    )


def _strength(match: re.Match[str], window: str) -> Strength | None:
    if match["password"]:
        return Strength.PASSWORD
    if match["secret"]:
        return Strength.SECRET
    if match["key"]:
        if _HARMLESS_KEY.search(window):
            return None
        return Strength.SECRET if _SECRET_KEY.search(window) else Strength.WEAK
    return Strength.WEAK
