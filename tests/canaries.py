"""Private data of every kind that can be told apart from anything else, and a trajectory that has it everywhere."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, quote_plus

from privacy_samples import CREDENTIALS

PERSONAL: dict[str, tuple[str, tuple[str, ...]]] = {
    "email": (
        "Write to quillfeather.canary@mailbox.example.org",
        ("quillfeather.canary", "mailbox.example.org"),
    ),
    "phone": ("Call me on +44 20 7946 0958", ("7946 0958", "2079460958")),
    "phone/national": ("My phone number is (415) 555-0186", ("555-0186",)),
    "address": (
        "I live at 1742 Larkspur Parkway, Springfield, IL 62704",
        ("1742 Larkspur", "Larkspur Parkway"),
    ),
    "card": ("My card is 4539 1488 0343 6467", ("4539 1488", "4539148803436467")),
    "ssn": ("My SSN is 536-22-8714", ("536-22-8714", "536228714")),
    "iban": ("Pay to DE89 3704 0044 0532 0130 00", ("3704 0044", "DE89370400440532013000")),
    "ip": ("Logged in from 203.0.113.177", ("203.0.113.177",)),
    "ip/6": ("The host is 2001:db8:85a3::8a2e:371:7335", ("85a3::8a2e",)),
    "geo": ("I am at lat: 37.774931, lng: -122.419418", ("37.774931", "122.419418")),
    "birthday": ("I was born on 17 March 1983", ("17 March 1983",)),
    "person": ("My name is Ottoline Quillfeather", ("Ottoline", "Quillfeather")),
    "password": ('{"password": "tr0ub4dor-and-3-horses"}', ("tr0ub4dor-and-3-horses",)),
    "url": ("postgres://agent:s3cr3t-horse-battery@db.example.net/app", ("s3cr3t-horse-battery",)),
    "env": ("The token is zulu-canary-token-7741", ("zulu-canary-token-7741",)),
    "deny": ("We work for Umbrella Canary Corporation", ("Umbrella Canary",)),
    "handle": ("Ping @ottoline_canary about it", ("ottoline_canary",)),
}
"""A sentence with each kind, and the parts of which none may be written."""

ENVIRONMENT = {
    "CANARY_SERVICE_TOKEN": "zulu-canary-token-7741",
    "WHETSTONE_PRIVACY_DENY_LIST": "Umbrella Canary Corporation",
}

SENTENCES: tuple[str, ...] = (
    *(sentence for sentence, _ in PERSONAL.values()),
    *(f"Use the credential {value} for it" for value in CREDENTIALS.values()),
)
NEEDLES: frozenset[str] = frozenset(
    [needle for _, needles in PERSONAL.values() for needle in needles]
    + [max(re.split(r"\s", value.replace("-----", " ")), key=len) for value in CREDENTIALS.values()]
)
PERSON_PARTS: frozenset[str] = frozenset(PERSONAL["person"][1])
TEXT = "\n".join(SENTENCES)
ENCODED = base64.b64encode(TEXT.encode()).decode()
QUERY = "q=" + quote_plus(TEXT)
VALUES = {f"item{number}": sentence for number, sentence in enumerate(SENTENCES)}


def everywhere() -> dict[str, Any]:
    """Any JSON value with every canary: in strings, keys, JSON in strings, base64 and URL encoding."""
    return {
        "text": TEXT,
        "list": list(SENTENCES),
        "json": json.dumps(VALUES, indent=1),
        "jsonInJson": json.dumps({"inner": json.dumps({"text": TEXT})}),
        "base64": ENCODED,
        "data": f"data:text/plain;base64,{ENCODED}",
        "query": QUERY,
        "url": f"https://example.com/search?{QUERY}",
        "keys": {sentence: number for number, sentence in enumerate(SENTENCES)},
        "contact": {
            "firstName": "Ottoline",
            "lastName": "Quillfeather",
            "email": "quillfeather.canary@mailbox.example.org",
            "phone": "+442079460958",
            "dateOfBirth": "17 March 1983",
            "lat": 37.774931,
            "lng": -122.419418,
            "cardNumber": 4539148803436467,
        },
        "stream": [{"delta": piece} for piece in ("I am Ottoline Qui", "llfeather, write to quillfeather.ca", "nary@mailbox.example.org")],
    }  # fmt: skip


def canary_trajectory() -> dict[str, Any]:
    """One trajectory that has every canary in every field that a client can fill."""
    content = everywhere()
    arguments = {"arguments": json.dumps(content)}
    call = {
        "callId": "call-for-quillfeather.canary",
        "purpose": "response",
        "model": "gpt-x",
        "provider": "openai",
        "roomId": "room-ottoline_canary",
        "tags": [*SENTENCES, "plain"],
        "systemPrompt": TEXT,
        "userPrompt": TEXT,
        "prompt": TEXT,
        "input": content,
        "reasoning": TEXT,
        "response": TEXT,
        "metadata": content,
        "messages": [
            {"role": "system", "content": TEXT},
            {"role": "user", "name": "Ottoline", "content": [{"type": "text", "text": TEXT}]},
            {"role": "assistant", "content": "", "tool_calls": [
                {"id": "tool-1", "type": "function", "function": {"name": "send_mail", **arguments}}
            ]},
            {"role": "tool", "tool_call_id": "tool-1", "content": json.dumps(content)},
            {"role": "user", "content": f"{TEXT}\nWhat now?"},
        ],
        "tools": [{"type": "function", "function": {"name": "send_mail", "description": TEXT, "parameters": content}}],
        "toolCalls": [{"toolCallId": "tool-2", "toolName": "send_mail", "input": content}],
        "providerOptions": content,
        "responseSchema": content,
        "correction": {"text": TEXT, "comment": TEXT, "source": "human"},
        "scores": [{"name": "good", "value": 1, "comment": TEXT, "source": "human"}],
        "extraField": content,
        SENTENCES[0]: TEXT,
    }  # fmt: skip
    return {
        "id": "canary-zulu-canary-token-7741",
        "agentId": "desk",
        "source": "chat",
        "status": "completed",
        "scenarioId": "scenario ottoline_canary",
        "batchId": "batch-quillfeather.canary@mailbox.example.org",
        "archetype": "friend of Ottoline Quillfeather",
        "startTime": 1_760_000_000_000,
        "endTime": 1_760_000_009_000,
        "totalReward": 1,
        "tags": [*SENTENCES, "plain"],
        "comment": TEXT,
        "aiJudgeReasoning": TEXT,
        "metadata": content | {"flat": TEXT, "Ottoline Quillfeather": "a key"},
        "events": [{"type": "note", "data": content}],
        "toolEvents": [{"type": "tool_call", "name": "send_mail", "args": content}],
        "steps": [
            {
                "stepId": "step-ottoline_canary",
                "observation": content,
                "environmentState": content,
                "script": TEXT,
                "metadata": content,
                "llmCalls": [call],
                "action": {"actionType": "REPLY", "parameters": content, "result": content, "reasoning": TEXT, "error": TEXT},
                "providerAccesses": [
                    {"providerId": "p-1", "providerName": "CONTACTS", "purpose": "context", "data": content, "query": content}
                ],
            }
        ],
    }  # fmt: skip


def found_in(content: bytes) -> set[str]:
    """The canaries that a file holds: raw in any case, escaped, URL-encoded, or in base64 at any alignment."""
    text = content.decode("utf-8", "replace")
    views = [text.casefold(), text.replace("\\u002d", "-").replace("\\", "").casefold()]
    views += [decoded.casefold() for decoded in _decoded(text)]
    return {
        needle
        for needle in NEEDLES
        if any(form.casefold() in view for view in views for form in _forms(needle))
    }


def _forms(needle: str) -> set[str]:
    return {needle, quote(needle), quote_plus(needle), json.dumps(needle)[1:-1], needle.replace(" ", "_")}


_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}")


def _decoded(text: str) -> Iterator[str]:
    """Everything in a text that may be base64, decoded from each of the four places where it may begin."""
    for match in _BASE64.finditer(text):
        for start in range(4):
            run = match[0][start:].replace("-", "+").replace("_", "/")
            yield base64.b64decode(run[: len(run) // 4 * 4]).decode("utf-8", "replace")
