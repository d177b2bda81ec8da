"""What a value under a key of persons, places and organisations must look like to be a name."""

from __future__ import annotations

import re
from typing import Final

from whetstone.privacy.structure.key_values import DESCRIBING, UUID, meaningful, one_line

_NAME_OF_A_FIELD: Final = frozenset(
    [
        "name",
        "first",
        "last",
        "middle",
        "full",
        "given",
        "family",
        "surname",
        "firstname",
        "lastname",
        "username",
    ]
)
_TEAM: Final = frozenset(
    [
        "team",
        "bot",
        "service",
        "support",
        "department",
        "group",
        "system",
        "agent",
        "assistant",
        "code",
        "user",
        "sales",
    ]
)
# Roles and accounts of services under keys of persons.
_ROLES: Final = frozenset(
    [
        "admin", "administrator", "agent", "ai", "all", "anonymous", "api", "app", "assistant", "author", "bot",
        "chatbot", "client", "company", "contact", "customer", "daemon", "default", "demo", "developer", "ec2-user",
        "engineer", "everyone", "example", "function", "git", "guest", "human", "info", "investor", "login", "manager",
        "me", "model", "mysql", "nobody", "oauth2", "operator", "owner", "person", "postgres", "public", "recipient",
        "redis", "root", "runner", "self", "sender", "service", "staff", "support", "system", "team", "test",
        "tester", "tool", "ubuntu", "unassigned", "user", "you", "user1", "sa", "www-data", "nginx", "worker", "vip",
    ]
)  # fmt: skip
_NO_NAME: Final = re.compile(r"[@/\\{}\[\]<>=;:?!|_\"$%^*+~#]|\d|\bhttps?\b")
_HANDLE: Final = re.compile(r"@?[\w.+-]{2,64}\Z")


def name(text: str) -> bool:
    """Words without digits and signs, no role and no label of a field."""
    stripped = text.strip(" .,")
    words = stripped.lower().split()
    return (
        one_line(text)
        and 1 <= len(words) <= 7
        and len(stripped) <= 100
        and any(map(str.isalpha, stripped))
        and _NO_NAME.search(stripped) is None
        and " ".join(words) not in _ROLES
        and not (DESCRIBING - {"of"} | _NAME_OF_A_FIELD) & set(words)
    )


def written_name(text: str) -> bool:
    """A name in capitals as persons write it: `Jane`, `Mei-Lin O'Hara`, `J. R. de la Cruz`, `王伟`."""
    words = text.strip().split()
    if not name(text) or not _TEAM.isdisjoint(text.lower().split()):
        return False
    return _is_cjk(text) or all(word[0] != word[0].lower() for word in (words[0], words[-1]))


def unlabelled_name(text: str) -> bool:
    """What can be a person's under `name`: no identifier (`my-app`, `sendMail`), no team."""
    stripped = text.strip()
    is_identifier = stripped[:1].islower() and (
        "-" in stripped or not (stripped.islower() or " " in stripped)
    )
    return name(text) and not is_identifier and _TEAM.isdisjoint(stripped.lower().split())


def full_name(text: str) -> bool:
    """The same, of two words at least: under keys where roles and teams stand too."""
    return written_name(text) and (len(text.split()) in (2, 3, 4) or _is_cjk(text))


def _is_cjk(text: str) -> bool:
    return 2 <= len(text) <= 6 and all("\u3040" <= c <= "\u9fff" or "\uac00" <= c <= "\ud7a3" for c in text)


def organization(text: str) -> bool:
    """A name that may have digits and signs; no identifier, path or role."""
    stripped = text.strip()
    return (
        one_line(text)
        and len(stripped.split()) <= 10
        and any(map(str.isalpha, stripped))
        and not re.search(r"[@/\\{}\[\]<>=_|]|\w-[0-9a-zA-Z]*\d", stripped)
        and stripped.lower() not in _ROLES
    )


def handle(text: str) -> bool:
    """A login that somebody chose: letters, no account of a service, no identifier of a machine."""
    stripped = text.strip()
    is_handle = _HANDLE.match(stripped) is not None and any(map(str.isalpha, stripped))
    return (
        (is_handle or written_name(text))
        and meaningful(text)
        and stripped.lower().removeprefix("@") not in _ROLES
        and UUID.match(stripped) is None
    )


def platform_handle(text: str) -> bool:
    """A handle or a number under the name of a messenger or network."""
    return handle(text) or (text.strip().isdigit() and 5 <= len(text.strip()) <= 20)


def place(text: str) -> bool:
    """A town, a region: words."""
    return name(text) and len(text) <= 60


def written_place(text: str) -> bool:
    """The same in capitals: `state` is also that of a machine."""
    return place(text) and text.strip()[0] != text.strip()[0].lower()
