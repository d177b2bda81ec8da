"""The optimizers' benchmark: its worlds are deterministic and fair, and our engine runs in them within its budget."""

from __future__ import annotations

import pytest
from benchmarks.optimizers import bars, ours
from benchmarks.optimizers.child import Job, run
from benchmarks.optimizers.statistics import mean, paired
from benchmarks.optimizers.worlds.landscapes import LANDSCAPES
from benchmarks.optimizers.worlds.office import OPENING, TRAP, Row, World
from benchmarks.optimizers.worlds.reflection import ReflectionModel
from benchmarks.optimizers.worlds.task_model import TaskModel
from benchmarks.optimizers.worlds.voices import out_of_form

Messages = list[dict[str, str]]


def score(world: World, prompt: str, *, shown: list[Row] | None = None, question: str = "{}") -> float:
    model = TaskModel(world)
    before: Messages = [{"role": "system", "content": prompt}]
    for row in shown or []:
        before += [{"role": "user", "content": row.text}, {"role": "assistant", "content": world.reply(row)}]
    scores = [
        world.judge(
            row,
            out_of_form(model.answer([*before, {"role": "user", "content": question.format(row.text)}])),
        ).score
        for row in world.test
    ]
    return sum(scores) / len(scores)


def stated(world: World) -> str:
    return "\n".join([OPENING, *(kind.line for kind in world.kinds)])


@pytest.mark.parametrize("name", LANDSCAPES)
def test_a_world_is_the_same_for_the_same_seed_and_splits_do_not_meet(name: str) -> None:
    world, again, other = World(name, 1), World(name, 1), World(name, 2)
    assert world.rows == again.rows
    assert world.rows != other.rows
    splits = [{row.id for row in rows} for rows in (world.train, world.validation, world.test)]
    assert sum(map(len, splits)) == len(world.rows) == len(set[str]().union(*splits))


@pytest.mark.parametrize("name", LANDSCAPES)
def test_every_world_starts_low_and_rewards_what_it_is_about(name: str) -> None:
    world = World(name, 3)
    start, rules = score(world, world.seed_prompt), score(world, stated(world))
    shown = score(world, world.seed_prompt, shown=world.train[:30])
    assert start < 0.6
    match name:
        case "rules":
            assert rules > 0.85 > 0.5 > shown
        case "mixed":
            assert rules > start + 0.2
        case "demonstrations":
            assert shown > 0.8 > 0.5 > rules
        case "trap":
            assert rules > 0.85
            assert score(world, f"{stated(world)}\n{TRAP}") < 0.25
        case _:
            assert abs(rules - start) < 0.1
            assert abs(shown - start) < 0.1


def test_a_wrapped_question_gets_the_same_answers() -> None:
    world = World("rules", 4)
    wrapped = "[[ ## case ## ]]\n{}\n\nRespond with the corresponding output fields, starting with `[[ ## reply ## ]]`."
    assert score(world, world.seed_prompt, question=wrapped) == score(world, world.seed_prompt)


@pytest.mark.parametrize(
    "form",
    [
        "Write better instructions within ``` blocks.",
        "Write them inside <instruction></instruction>.",
        "Respond with the corresponding output fields, starting with `[[ ## new_instruction ## ]]`.",
        "Respond with a JSON object in the following order of fields: `new_instruction`.",
    ],
)
def test_the_reflection_model_takes_up_the_same_in_every_form(form: str) -> None:
    world = World("rules", 5)
    wrong = next(row for row in world.train if row.solvable)
    text = f"The current text:\n{OPENING}\n\n{wrong.text} {world.judge(wrong, 'no').feedback}\n{form}"
    model = ReflectionModel(world)
    answers = [model.write([{"role": "user", "content": text}]) for _ in range(60)]
    assert 30 < sum(wrong.kind.line in answer for answer in answers) <= 60
    assert all(OPENING in answer for answer in answers)


def test_our_engine_stays_within_its_budget_and_is_scored_on_other_rows() -> None:
    result = run(ours.engine("bootstrap-fewshot"), Job("demonstrations", 0, 240))
    assert result["calls"] <= 240
    assert result["score"] > result["start"] + 0.2


def test_tables_say_where_ours_stands() -> None:
    assert str(mean([0.5, 0.7])).startswith("0.600 ± ")
    assert bars.verdict(paired([0.6, 0.7, 0.8], [0.5, 0.61, 0.7])) == "above"
    assert bars.verdict(paired([0.5, 0.5, 0.5], [0.6, 0.61, 0.59])) == "below"
    assert bars.verdict(paired([0.5, 0.6], [0.6, 0.5])) == "not below"
