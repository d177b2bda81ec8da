"""The scripted task model: answers a case as well as its prompt allows."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.optimizers.worlds.office import MARK, Row, World
from benchmarks.optimizers.worlds.reading import Features, cases_in, features
from benchmarks.optimizers.worlds.voices import in_form
from benchmarks.optimizers.worlds.words import GOODS, chance

_TRAPPED = 0.1
_TRAPPED_STATED = 0.12
_WRONGLY_STATED = 0.02
_UNLEARNT_LABEL = 0.2
_MARK_SHOWN = (0.7, 0.95)
_ROOMY = 24
"""Lines of instructions that the model keeps in mind; each further one costs a hundredth."""


class TaskModel:
    """Answers for a world. The same prompt always gets the same answer."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._read: dict[str, Features] = {}

    def answer(self, messages: Sequence[dict[str, str]]) -> str:
        """The reply to the case in the last message; the messages before it teach."""
        question = messages[-1]["content"]
        asked = cases_in(question, self._world)
        if not asked:
            return "Which case?"
        row = self._world.rows[asked[-1][0]]
        before = "\n".join(message["content"] for message in messages[:-1])
        known = self._read.get(before)
        if known is None:
            known = self._read[before] = features(before.replace("\\n", "\n"), self._world)
        return in_form(question, self._reply(row, known))

    def _reply(self, row: Row, known: Features) -> str:
        world = self._world
        luck = chance(world.seed, row.id, known.fingerprint) if row.shaky else row.luck
        right = row.solvable and luck < self._chance(row, known)
        text = row.gold if right else self._mistake(row, known)
        return f"{text} {MARK}" if world.landscape.mark and self._marks(row, known) else text

    def _chance(self, row: Row, known: Features) -> float:
        land, kind = self._world.landscape, row.kind
        stated = known.rules.get(kind.cue)
        if known.trapped:
            return _TRAPPED_STATED if stated == kind.rule else _TRAPPED
        if stated is not None and stated != kind.rule and not land.labels:
            return min(_WRONGLY_STATED, land.stated)
        if kind.sealed and stated is None and f"the {kind.desk} desk" in known.rules:
            return _WRONGLY_STATED  # the rule without its exception is taken at its word
        base = land.stated if stated == kind.rule else land.easy
        return max(base, self._from_cases(row, known)) - 0.01 * max(0, known.lines - _ROOMY)

    def _from_cases(self, row: Row, known: Features) -> float:
        land, kind = self._world.landscape, row.kind
        shown = [self._world.rows[identifier].kind for identifier in known.shown if identifier != row.id]
        alike = sum(other.label == kind.label for other in shown)
        if alike:
            best = land.mode_shown if kind in shown else 0.0
            return max(best, land.shown[min(alike, 2) - 1])
        return _UNLEARNT_LABEL if land.labels and shown else 0.0

    def _marks(self, row: Row, known: Features) -> bool:
        likely = _MARK_SHOWN[1] if known.marked else 0.0
        if known.marks_shown:
            likely = max(likely, _MARK_SHOWN[min(known.marks_shown, 2) - 1])
        return chance(self._world.seed, row.id, "mark") < likely

    def _mistake(self, row: Row, known: Features) -> str:
        """A wrong reply: another label, or a word of the house that the row does not hold."""
        wrong = (
            [kind.label for kind in self._world.kinds if kind.label != row.gold]
            if self._world.landscape.labels
            else [word for word in GOODS if word not in row.text and word != row.gold]
        )
        return wrong[int(chance(row.id, known.fingerprint, "mistake") * len(wrong))]
