"""What a call is for: its step type and tags, and which calls are not worth storing.

The rules are those of the wire contract §4.3 and §4.5.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

import orjson

DEFAULT_PURPOSE = "action"
DEFAULT_ACTION_TYPE = "runtime.useModel"
"""Action type of a call whose logger named none; it says nothing about the call."""

STEP_PURPOSES = frozenset(
    {
        "should_respond",
        "compose_state",
        "evaluation",
        "reasoning",
        "response",
        "observation_extraction",
        "turn_complete",
        "coordination",
    }
)
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_FOREIGN = re.compile(r"[^a-z0-9:]+")


@lru_cache(maxsize=4096)  # the same few names come with every call
def normalize(name: str) -> str:
    """`shouldRespond` and `Should respond!` as `should_respond`."""
    return _FOREIGN.sub("_", _WORD_START.sub("_", name).lower()).strip("_")


def step_type(explicit: str | None, purpose: str, action_type: str) -> str:
    """The kind of work a call did: what its logger said, else a well-known purpose, else a guess."""
    if explicit and (named := normalize(explicit)):
        return named
    wanted = normalize(purpose)
    if wanted in STEP_PURPOSES:
        return wanted
    if normalize(action_type).startswith("orchestrator"):
        return "orchestrator"
    return wanted or normalize(action_type)


def tags(given: Sequence[str], kind: str, purpose: str, action_type: str) -> list[str]:
    """The given tags and the inferred ones, each once."""
    inferred = ["llm", f"step:{kind}"]
    if wanted := normalize(purpose):
        inferred.append(f"purpose:{wanted}")
    if action_type != DEFAULT_ACTION_TYPE and (action := normalize(action_type)):
        inferred.append(f"action:{action}")
    if kind == "should_respond":
        inferred.append("routing")
    elif kind == "compose_state":
        inferred.append("context")
    elif kind.startswith("orchestrator"):
        inferred.append("orchestrator")
    return list(dict.fromkeys([*given, *inferred]))


def is_empty_embedding(names: Iterable[str | None], texts: Iterable[str | None], response: str) -> bool:
    """Whether a call is an embedding without input text and with no answer but a vector.

    `names` are the call's model, model type, purpose and action type; `texts` its prompts.
    """
    if not any("embed" in name.lower() for name in names if name):
        return False
    return not any(texts) and (not response.strip() or _is_vector(response))


def _is_vector(text: str) -> bool:
    if not text.lstrip().startswith("["):
        return False
    try:
        values = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return isinstance(values, list) and all(isinstance(value, (int, float)) for value in values)
