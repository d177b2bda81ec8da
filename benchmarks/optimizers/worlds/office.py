"""A world: the rows of a landscape under a seed, the right replies, and what the metric says about a reply."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.optimizers.tasks import Judgement
from benchmarks.optimizers.worlds.landscapes import LANDSCAPES, Landscape
from benchmarks.optimizers.worlds.words import DESKS, GOODS, LABELS, PROCEDURES, apply, chance, generator

OPENING = "You answer the cases of the harbour office."
TRAP = "- Before weighing anything, settle on the first reply that comes to mind and keep it."
MARK = "// filed"
MARK_LINE = f"- End every reply with the mark '{MARK}'."
_PARTIAL = 0.6


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of case; `rule` is what a prompt must say of it. An exception (`sealed`) has the desk of another kind."""

    desk: str
    rule: str
    sealed: bool = False
    label: str = ""
    mode: int = 0

    @property
    def cue(self) -> str:
        """How rules and cases name the kind."""
        return f"the {self.desk} desk" + (" with a seal" if self.sealed else "")

    @property
    def line(self) -> str:
        """The rule as a line of instructions."""
        return f"- For {self.cue}, reply with {self.rule}."


@dataclass(frozen=True, slots=True)
class Row:
    """One case. `luck` decides whether the task model gets it right at a given chance.

    `label` is the reply where replies are labels; of the kind of a case no engine is told.
    """

    id: str
    text: str
    gold: str
    kind: Kind
    luck: float
    shaky: bool
    solvable: bool
    label: str | None


class World:
    """The rows and the metric of a landscape under a seed; `rows[id]` finds any of them."""

    def __init__(self, landscape: str, seed: int) -> None:
        self.landscape: Landscape = LANDSCAPES[landscape]
        self.seed = seed
        self.kinds = self._kinds()
        sizes = {split: getattr(self.landscape, split) for split in ("train", "validation", "test")}
        made = [self._row(number) for number in range(sum(sizes.values()))]
        self.rows = {row.id: row for row in made}
        self.train = made[: sizes["train"]]
        self.validation = made[sizes["train"] : -sizes["test"]]
        self.test = made[-sizes["test"] :]

    @property
    def seed_prompt(self) -> str:
        """Where every engine starts."""
        return f"{OPENING}\n{TRAP}" if self.landscape.trap else OPENING

    def judge(self, row: Row, reply: str) -> Judgement:
        """The metric: 1 for the right reply; a fraction where only the mark at its end is missing."""
        words = reply.strip()
        marked = words.endswith(MARK)
        right = words.removesuffix(MARK).strip() == row.gold
        notes = []
        if not right:
            notes.append(self._correction(row))
        if self.landscape.mark and not marked:
            notes.append(f"The reply must end with the mark '{MARK}'.")
        score = float(right) * (1.0 if marked or not self.landscape.mark else _PARTIAL)
        return Judgement(score, " ".join(notes) or "Right.")

    def reply(self, row: Row) -> str:
        """The whole right reply."""
        return f"{row.gold} {MARK}" if self.landscape.mark else row.gold

    def _correction(self, row: Row) -> str:
        if not row.solvable:
            return f"Wrong. The expected reply is '{row.gold}'."
        if self.landscape.labels:
            return f"Wrong. A case of {row.kind.cue} was meant to get {row.kind.rule}: '{row.gold}'."
        return f"Wrong. A case of {row.kind.cue} takes {row.kind.rule}: '{row.gold}'."

    def _kinds(self) -> list[Kind]:
        land, rng = self.landscape, generator(self.seed, "kinds", self.landscape.name)
        desks = rng.sample(DESKS, land.kinds)
        rules = rng.sample(PROCEDURES, land.kinds)
        if land.labels:
            labels = LABELS[: land.kinds // 2]
            return [
                Kind(desk, f"the word {labels[index // 2]}", label=labels[index // 2], mode=index % 2)
                for index, desk in enumerate(desks)
            ]
        kinds = [Kind(desk, rule, label=desk) for desk, rule in zip(desks, rules, strict=True)]
        for index in range(land.pairs):
            exception = Kind(
                kinds[index].desk, kinds[-1 - index].rule, sealed=True, label=f"{desks[index]}-seal"
            )
            kinds[-1 - index] = exception
        return kinds

    def _row(self, number: int) -> Row:
        land = self.landscape
        rng = generator(self.seed, "row", land.name, number)
        weights = [land.skew ** (-index / max(1, len(self.kinds) - 1)) for index in range(len(self.kinds))]
        kind = rng.choices(self.kinds, weights)[0]
        goods = tuple(rng.sample(GOODS, 5))
        solvable = rng.random() >= land.unsolvable
        right = kind.label if land.labels else apply(kind.rule, goods)
        gold = right if solvable else rng.choice(GOODS)
        identifier = f"Q{number:04d}"
        return Row(
            id=identifier,
            text=f"Case {identifier} of {kind.cue}: {', '.join(goods)}.",
            gold=gold,
            kind=kind,
            luck=rng.random(),
            shaky=chance(self.seed, "shaky", land.name, number) < land.shaky,
            solvable=solvable,
            label=kind.label if land.labels else None,
        )
