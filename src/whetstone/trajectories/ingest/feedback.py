"""What scores and tags mean for a trajectory: pure rules, independent of the order in which things arrive.

A trajectory's `annotation` column remembers, beside what annotations said, three things from which its reward, its
reward components and its tags follow: `reported` (the reward and components of the agent, kept while something
outranks them), `scored` (what the scores of the whole trajectory amount to, by name) and `tags` (who said what).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

SOURCES = ("human", "judge", "code")
"""Who gives scores, the most trusted first."""

REWARD = "reward"
"""Name of the score that is the reward; scores with other names are components of it."""

Json = dict[str, Any]


class Verdict(NamedTuple):
    """What the scores of one name amount to, and whose word that is."""

    source: str
    value: float


def verdicts(scores: Iterable[Mapping[str, Any]]) -> dict[str, Verdict]:
    """What scores (with `name`, `source` and `value`) say by name: the most trusted source's mean value.

    Scores without a number say nothing here.
    """
    values: dict[str, dict[str, list[float]]] = {}
    for score in scores:
        value, name = score.get("value"), score.get("name")
        if isinstance(value, bool) or not isinstance(value, int | float) or not isinstance(name, str):
            continue
        values.setdefault(name, {}).setdefault(str(score.get("source")), []).append(float(value))
    found = {}
    for name in sorted(values):
        source = next((source for source in SOURCES if source in values[name]), None)
        if source is not None:
            found[name] = Verdict(source, math.fsum(values[name][source]) / len(values[name][source]))
    return found


class Reward(NamedTuple):
    """A reward and its components."""

    total: float | None
    components: Json


def reported_reward(header: Mapping[str, Any]) -> Reward:
    """What the agent itself reported, whatever outranks it now."""
    kept = header["annotation"].get("reported")
    if kept is None:
        return Reward(header["total_reward"], header["reward_components"])
    return Reward(kept.get("reward"), kept.get("rewardComponents", {}))


def settle_reward(header: Json, reported: Reward) -> None:
    """Set the reward columns of `header`: annotations go before scores, and scores before what was reported."""
    said: Json = {name: value for name, value in header["annotation"].items() if name != "reported"}
    scored: Json = said.get("scored", {})
    annotated: Json = said.get("rewardComponents", {})
    components = {name: value for name, value in scored.items() if name != REWARD} | annotated
    total = next((each[REWARD] for each in (said, scored) if REWARD in each), reported.total)
    if components or REWARD in said or REWARD in scored:
        kept = {"reward": reported.total, "rewardComponents": reported.components}
        said["reported"] = {name: value for name, value in kept.items() if value not in (None, {})}
    header["annotation"] = said
    header["total_reward"] = total
    header["reward_components"] = reported.components | components


def settle_scores(header: Json, scores: Iterable[Mapping[str, Any]]) -> None:
    """Let `scores`, all those of the trajectory as a whole, count in its reward and components."""
    reported = reported_reward(header)
    scored = {name: verdict.value for name, verdict in verdicts(scores).items()}
    others = {name: value for name, value in header["annotation"].items() if name != "scored"}
    header["annotation"] = others | ({"scored": scored} if scored else {})
    settle_reward(header, reported)


def tags_of(header: Mapping[str, Any]) -> list[str]:
    """The tags of a trajectory, sorted."""
    said = header["annotation"].get("tags", {})
    base = said["set"] if "set" in said else said.get("reported", [])
    return sorted({*base, *said.get("added", ())}.difference(said.get("removed", ())))


def report_tags(header: Json, tags: Sequence[str] | None) -> None:
    """Note the tags that a record carries; a set that an annotation gave outranks them, before and after."""
    said = header["annotation"].get("tags", {})
    if tags:
        _keep_tags(header, said | {"reported": sorted({*tags, *said.get("reported", ())})})


def annotate_tags(
    header: Json, replace: Sequence[str] | None, add: Sequence[str] | None, remove: Sequence[str] | None
) -> None:
    """Replace the tags, then add and remove some; what is None says nothing."""
    said = header["annotation"].get("tags", {})
    if replace is not None:
        kept = {name: value for name, value in said.items() if name == "reported"}
        said = kept | {"set": sorted(set(replace))}
    for names, name, other in ((add, "added", "removed"), (remove, "removed", "added")):
        if names:
            said = said | {
                name: sorted({*said.get(name, ()), *names}),
                other: sorted(set(said.get(other, ())).difference(names)),
            }
    _keep_tags(header, {name: value for name, value in said.items() if value or name == "set"})


def _keep_tags(header: Json, said: Json) -> None:
    others = {name: value for name, value in header["annotation"].items() if name != "tags"}
    header["annotation"] = others | ({"tags": said} if said else {})
