"""Synthetic agent traffic: the same for every system, made from a seed, about 2 kB of text a call.

A trajectory has 1 to 15 calls (8 on average) of the kinds that an agent makes: each call has one of 50 system
prompts (600 characters), a prompt of its own and an answer (700 characters each). Words follow Zipf's law over
30,000, as in prose; calls carry ids of their own (order numbers, UUIDs), some answers are JSON, some are Chinese or
Arabic. `needles` are texts whose number of occurrences is known.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

SEED = 20_261_122
START_MS = 1_780_000_000_000
_SYLLABLES = [a + b for a in "bcdfghklmnprstvz" for b in ("a", "e", "i", "o", "u", "ar", "en", "il", "on")]
_COMMONEST = (
    "the of and to a in is you that it he was for on are as with his they I at be this have from or one had by "
    "word but not what all were we when your can said there use an each which she do how their if will up other "
    "about out many then them these so some her would make like him into time has look two more write go see "
    "number no way could people my than first water been call who oil its now find long down day did get come "
    "made may part error handling refund invoice order account please help agent customer support request"
)
_FOREIGN = (
    "客户要求退款，请尽快处理这个订单。",
    "يرجى مساعدة العميل في استرداد المبلغ.",
    "🚀 Доставка заказа задерживается 🙏",
)
_MODELS = ("gpt-4o", "gpt-4o-mini", "claude-sonnet-4", "qwen3-8b", "llama-3.3-70b")
_SOURCES = ("chat", "discord", "telegram", "api", "autonomy")
_PURPOSES = ("should_respond", "compose_state", "action_planner", "response", "evaluation")
_CORPUS_WORDS = 600_000


@dataclass(frozen=True, slots=True)
class Call:
    """One LLM call; times in milliseconds."""

    id: str
    purpose: str
    model: str
    system: str
    prompt: str
    response: str
    prompt_tokens: int
    completion_tokens: int
    timestamp: int
    latency_ms: int


@dataclass(frozen=True, slots=True)
class Trajectory:
    """One trajectory; `key` counts from 0."""

    key: int
    id: str
    source: str
    status: str
    reward: float | None
    start: int
    end: int
    calls: tuple[Call, ...]


def words() -> list[str]:
    """The vocabulary, commonest first."""
    made = ("".join(parts) for parts in itertools.product(_SYLLABLES, repeat=3))
    chosen = random.Random(SEED).sample(
        list(itertools.islice(made, 400_000)), 30_000 - len(_COMMONEST.split())
    )
    return [*_COMMONEST.split(), *chosen]


class Traffic:
    """A stream of trajectories; two streams of one seed are equal."""

    def __init__(self, seed: int = SEED) -> None:
        self._random = random.Random(seed)
        vocabulary = words()
        weights = [1 / (rank + 2) for rank in range(len(vocabulary))]
        text = self._random.choices(vocabulary, weights, k=_CORPUS_WORDS)
        for place in range(0, len(text), 12):
            text[place] = text[place].capitalize()
            text[place - 1] += self._random.choice((".", ",", "?", "!", ":"))
        self._corpus = " ".join(text)
        self._systems = [f"Role {number}. {self._slice(590)}" for number in range(50)]

    def phrases(self, count: int) -> list[str]:
        """Two words each that stand side by side somewhere in the texts."""
        chance = random.Random(SEED)
        pairs: list[str] = []
        while len(pairs) < count:
            start = self._corpus.index(" ", chance.randrange(len(self._corpus) - 200)) + 1
            first, second = self._corpus[start : start + 100].split(" ")[:2]
            if first.isalpha() and second.isalpha():
                pairs.append(f"{first} {second}")
        return pairs

    def trajectories(self, calls: int) -> Iterator[Trajectory]:
        """Trajectories with exactly `calls` calls together."""
        left, key = calls, 0
        while left:
            made = self._trajectory(key, min(left, self._random.randint(1, 15)))
            left -= len(made.calls)
            key += 1
            yield made

    def _trajectory(self, key: int, calls: int) -> Trajectory:
        chance = self._random.random
        start = START_MS + key * 40_000
        # One rare word for each 10,000th trajectory, one selective substring inside a longer word for each 1,000th.
        marks = (" Zyxgrill incident" if key % 10_000 == 17 else "") + (
            f" ref-Qwz{key}plk" if key % 1_000 == 5 else ""
        )
        made = tuple(self._call(place, start, marks) for place in range(calls))
        return Trajectory(
            key=key,
            id=f"trajectory-{key:08d}",
            source=_SOURCES[int(chance() ** 2 * len(_SOURCES))],
            status="error" if chance() < 0.06 else "completed",
            reward=round(chance(), 3) if chance() < 0.5 else None,
            start=start,
            end=made[-1].timestamp + made[-1].latency_ms,
            calls=made,
        )

    def _call(self, place: int, start: int, marks: str) -> Call:
        chance = self._random.random
        order = self._random.getrandbits(40)
        kind = chance()
        if kind < 0.2:
            response = f'{{"action":"REPLY","order":"ORD-{order}","text":"{self._slice(620)}"}}'
        elif kind < 0.25:
            response = f"{self._random.choice(_FOREIGN)} {self._slice(640)}"
        else:
            response = self._slice(690)
        return Call(
            id=f"call-{place}",
            purpose=_PURPOSES[place % len(_PURPOSES)],
            model=_MODELS[int(chance() ** 2 * len(_MODELS))],
            system=self._systems[int(chance() ** 3 * len(self._systems))],
            prompt=f"Message {order:x}: {self._slice(680)}{marks if place == 0 else ''}",
            response=response,
            prompt_tokens=300 + int(chance() * 100),
            completion_tokens=120 + int(chance() * 80),
            timestamp=start + place * 1500,
            latency_ms=200 + int(chance() * 1200),
        )

    def _slice(self, length: int) -> str:
        start = int(self._random.random() * (len(self._corpus) - length))
        return self._corpus[start : start + length]


def rest_document(trajectory: Trajectory) -> dict[str, Any]:
    """The trajectory as Whetstone's REST API takes it."""
    document: dict[str, Any] = {
        "id": trajectory.id,
        "agentId": "benchmark",
        "source": trajectory.source,
        "status": trajectory.status,
        "startTime": trajectory.start,
        "endTime": trajectory.end,
        "createdAt": trajectory.start,
        "metadata": {"roomId": f"room-{trajectory.key % 997}"},
        "steps": [{"stepId": "step-0", "llmCalls": [rest_call(call) for call in trajectory.calls]}],
    }
    return document | ({} if trajectory.reward is None else {"totalReward": trajectory.reward})


def rest_call(call: Call) -> dict[str, Any]:
    """The call as Whetstone's REST API takes it."""
    return {
        "callId": call.id,
        "purpose": call.purpose,
        "model": call.model,
        "systemPrompt": call.system,
        "userPrompt": call.prompt,
        "response": call.response,
        "temperature": 0.7,
        "maxTokens": 512,
        "latencyMs": call.latency_ms,
        "promptTokens": call.prompt_tokens,
        "completionTokens": call.completion_tokens,
        "timestamp": call.timestamp,
    }
