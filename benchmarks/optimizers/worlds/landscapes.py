"""The landscapes: what makes a prompt good in each scripted world.

Every world is the same office. A case comes from a desk and holds five words; each desk wants another reply (a *rule*:
"the second word backwards"), so one solved case tells little about the next. A landscape says how often the scripted task
model is right about a case: with nothing, with the rule in its instructions, with solved cases of the same kind shown, and so
on. Some rows are *shaky*: with any change of the prompt their chance is drawn again, which makes scores noisy as they are
with real models and gives the winner of a search a score that it does not deserve.

The figures were set before any optimizer of ours was run on them, with gepa alone as the yardstick: its start near 0.2 to
0.4, its end well below what can be reached.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Landscape:
    """Chances of being right are shares of rows.

    `easy`: with nothing; `stated`: with the rule; `shown`: with one and with several solved cases of the kind;
    `mode_shown`: where a kind is a label, with a solved case of the same manner of speech. `skew`: how much more often the
    commonest kind occurs. `pairs`: kinds that are exceptions of another, whose rule spoils them while they are not stated.
    `mark`: replies need a mark at the end. `unsolvable`: rows that nothing helps. `trap`: the seed prompt has a line that
    spoils nearly everything. `labels`: replies are labels, as many kinds share one.
    """

    name: str
    about: str
    kinds: int
    easy: float
    stated: float
    shown: tuple[float, float]
    skew: float = 1.0
    pairs: int = 0
    mark: bool = False
    unsolvable: float = 0.0
    shaky: float = 0.15
    trap: bool = False
    labels: bool = False
    mode_shown: float = 0.0
    train: int = 60
    validation: int = 60
    test: int = 300
    budget: int = 800


LANDSCAPES = {
    each.name: each
    for each in (
        Landscape(
            "rules",
            "one rule after the other; each helps its own kind",
            kinds=14,
            easy=0.25,
            stated=0.93,
            shown=(0.32, 0.38),
            skew=2.5,
        ),
        Landscape(
            "mixed",
            "rules, exceptions that they hurt, a format, rows that nothing helps",
            kinds=10,
            easy=0.35,
            stated=0.95,
            shown=(0.45, 0.55),
            skew=2.0,
            pairs=3,
            mark=True,
            unsolvable=0.12,
        ),
        Landscape(
            "demonstrations",
            "solved cases of every label teach, instructions hardly do",
            kinds=10,
            easy=0.28,
            stated=0.4,
            shown=(0.68, 0.72),
            mode_shown=0.9,
            labels=True,
        ),
        Landscape(
            "trap",
            "the seed prompt has a line that spoils everything",
            kinds=8,
            easy=0.25,
            stated=0.93,
            shown=(0.32, 0.38),
            trap=True,
        ),
        Landscape(
            "plain",
            "nothing helps: every gain is luck",
            kinds=6,
            easy=0.5,
            stated=0.5,
            shown=(0.5, 0.5),
            shaky=0.3,
        ),
    )
}
