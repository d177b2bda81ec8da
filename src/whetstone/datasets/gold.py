"""Where the right answers of a dataset come from, and whether one prompt and one model gave most of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from hashlib import sha256
from typing import Any

from whetstone.datasets.rows import Row, system_text

_ASK = "send corrections or rewards with the trajectories and build the dataset again"


class GoldCount:
    """Counts rows by task: right answers by their source, recorded ones by the prompt and model that gave them."""

    def __init__(self) -> None:
        self._sources: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._origins: defaultdict[str, Counter[tuple[str, str]]] = defaultdict(Counter)

    def add(self, row: Row) -> None:
        """Take in one row."""
        task, source = row["metadata"]["task_type"], row["metadata"]["expected_from"]
        self._sources[task][source] += 1
        if source == "reward":
            self._origins[task][(str(row["model"] or "unknown"), prompt_hash(system_text(row)))] += 1

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Of each task with rows: `correction`, `reward` and `unverified` rows, the `commonest` origin of the
        recorded answers among them (`model`, `promptSha256`, `share` of 0..1; None without any), and `advice`.
        """
        return {
            task: {
                **{source: counts[source] for source in ("correction", "reward", "unverified")},
                "commonest": self._commonest(task),
                "advice": self._advice(task),
            }
            for task, counts in sorted(self._sources.items())
        }

    def _commonest(self, task: str) -> dict[str, Any] | None:
        origins = self._origins[task]
        if not origins:
            return None
        (model, prompt), count = min(origins.items(), key=lambda item: (-item[1], item[0]))
        return {"model": model, "promptSha256": prompt, "share": round(count / origins.total(), 4)}

    def _advice(self, task: str) -> str:
        counts, commonest = self._sources[task], self._commonest(task)
        verified = counts["correction"] + counts["reward"]
        if not verified:
            return f"No right answer is known: {_ASK}."
        if commonest is None or counts["reward"] <= verified / 2:
            return "Most right answers are corrections, by which a prompt can be judged whatever model gave the rest."
        recorded = f"{counts['reward']} of {verified} right answers are recorded ones"
        if commonest["share"] < 0.5:
            return f"{recorded}, of several prompts or models; corrections of wrong answers show an improvement better."
        return (
            f"{recorded}, and {commonest['share']:.0%} of these were given by {commonest['model']} under one prompt, "
            "which they make look near perfect by construction. Send corrections of its wrong answers, or have a "
            "stronger teacher answer them, before you optimize it."
        )


def prompt_hash(prompt: str) -> str:
    """SHA-256 (hex) of a system prompt; white space around it does not count."""
    return sha256(prompt.strip().encode("utf-8", "surrogatepass")).hexdigest()
