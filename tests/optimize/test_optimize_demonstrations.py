from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from optimize_world import rows
from whetstone.optimize.fewshot.demonstration_sets import demonstration_sets, trigrams
from whetstone.optimize.metrics import Answer
from whetstone.optimize.rows.examples import Example, parse_row
from whetstone.optimize.rows.pool import build_pool
from whetstone.privacy.gate import PrivacyGate
from whetstone.settings import Settings

POOL = [parse_row(row) for row in rows(30)]


def anything_fits(_examples: Sequence[Example]) -> bool:
    return True


def test_families_differ_and_the_balanced_one_shows_every_label() -> None:
    sets = demonstration_sets(POOL, size=6, random_sets=2, seed=1, fits=anything_fits)
    assert {found.family for found in sets} == {
        "label-balanced",
        "diverse",
        "representative",
        "top-reward",
        "random-1",
        "random-2",
    }
    assert {len(found.examples) for found in sets} == {6, 3}
    for found in sets:
        if found.family == "label-balanced":
            assert {example.label for example in found.examples} == {"RESPOND", "STOP", "IGNORE"}
    assert len({tuple(e.id for e in found.examples) for found in sets}) == len(sets)


def test_corrections_and_high_rewards_come_first() -> None:
    near = replace(POOL[0], id="high", gold="reward", reward=0.9, label=None)
    ranked = [
        replace(POOL[1], id="low", gold="reward", reward=0.6, label=None),
        near,
        replace(near, id="corrected", gold="correction", reward=None),
    ]
    sets = demonstration_sets(ranked, size=2, random_sets=0, seed=1, fits=anything_fits)
    assert {f.family: [e.id for e in f.examples] for f in sets if len(f.examples) == 2} == {
        "diverse": ["corrected", "low"],
        "top-reward": ["corrected", "high"],
    }


def test_the_diverse_family_avoids_what_resembles_its_first_choice() -> None:
    alike = [
        replace(POOL[0], id=f"alike-{n}", messages=({"role": "user", "content": f"water the fern {n}"},))
        for n in range(10)
    ]
    odd = replace(POOL[0], id="odd", messages=({"role": "user", "content": "Wo bleibt mein Paket?"},))
    sets = demonstration_sets([*alike, odd], size=2, random_sets=0, seed=3, fits=anything_fits)
    diverse = next(found for found in sets if found.family == "diverse" and len(found.examples) == 2)
    assert "odd" in [example.id for example in diverse.examples]


def named(name: str, text: str, **changes: Any) -> Example:
    return replace(POOL[0], id=name, messages=({"role": "user", "content": text},), **changes)


def test_the_representative_family_shows_the_middle_of_each_crowd() -> None:
    plants = [named(f"plant-{n}", f"please water the fern {word}") for n, word in enumerate("abcde")]
    plants.append(named("plant", "please water the fern"))
    parcels = [named(f"parcel-{n}", f"where is my parcel {word}") for n, word in enumerate("abc")]
    odd = named("odd", "42")
    sets = demonstration_sets([odd, *plants, *parcels], size=2, random_sets=0, seed=1, fits=anything_fits)
    (found,) = (f for f in sets if f.family == "representative" and len(f.examples) == 2)
    first, second = (example.id for example in found.examples)
    assert first == "plant"
    assert second.startswith("parcel-")


def test_the_errors_family_shows_only_rows_that_were_wrong_with_their_labels_in_turn() -> None:
    wrong = [example for example in POOL if example.label != "IGNORE"][:8]
    sets = demonstration_sets(
        POOL, size=4, random_sets=0, seed=1, fits=anything_fits, errors={example.id for example in wrong}
    )
    large, small = (found for found in sets if found.family == "errors")
    assert all(example in wrong for example in (*large.examples, *small.examples))
    assert [Counter(e.label for e in found.examples) for found in (large, small)] == [
        {"RESPOND": 2, "STOP": 2},
        {"RESPOND": 1, "STOP": 1},
    ]


def test_a_draw_prefers_what_was_better_rewarded() -> None:
    rewards = {f"{n}": 1.0 if n % 2 else 0.5 for n in range(20)}
    pool = [named(n, f"text {n}", gold="reward", reward=reward, label=None) for n, reward in rewards.items()]
    drawn = Counter[float]()
    for seed in range(40):
        sets = demonstration_sets(pool, size=5, random_sets=1, seed=seed, fits=anything_fits)
        (found,) = (f for f in sets if f.family == "random-1" and len(f.examples) == 5)
        drawn.update(rewards[example.id] for example in found.examples)
    assert drawn[1.0] > 1.2 * drawn[0.5] > 0


def test_large_sets_of_every_family_come_before_small_ones_and_say_why() -> None:
    sets = demonstration_sets(POOL, size=12, random_sets=1, seed=1, fits=anything_fits)
    sizes = [len(found.examples) for found in sets]
    assert sizes == sorted(sizes, reverse=True)
    assert set(sizes) == {12, 6, 3}
    assert all(found.hypothesis for found in sets)


def test_examples_that_do_not_fit_are_passed_over() -> None:
    long = [replace(example, messages=({"role": "user", "content": "x" * 5000},)) for example in POOL[:10]]

    def short(examples: Sequence[Example]) -> bool:
        return sum(len(example.text) for example in examples) < 1000

    sets = demonstration_sets([*long, *POOL[10:]], size=4, random_sets=3, seed=1, fits=short)
    assert sets
    assert all(short(found.examples) for found in sets)
    assert demonstration_sets(long, size=4, random_sets=3, seed=1, fits=short) == []


def test_the_seed_decides_and_the_order_of_rows_does_not() -> None:
    first = demonstration_sets(POOL, size=5, random_sets=3, seed=1, fits=anything_fits)
    assert demonstration_sets(POOL[::-1], size=5, random_sets=3, seed=1, fits=anything_fits) == first
    assert demonstration_sets(POOL, size=5, random_sets=3, seed=2, fits=anything_fits) != first


def test_trigrams_tell_texts_apart_in_scripts_without_spaces() -> None:
    assert trigrams("植物需要浇水") & trigrams("植物需要阳光")
    assert not trigrams("植物需要浇水") & trigrams("订单在哪里")


def test_the_pool_has_no_copy_of_a_judged_row_and_none_twice(settings: Settings) -> None:
    judged = POOL[0]
    shouted = replace(judged, id="copy", messages=({"role": "user", "content": judged.text.upper() + "!!"},))
    again = replace(POOL[5], id="again")
    pool = build_pool([*POOL[1:], shouted, again], [judged], PrivacyGate.from_settings(settings))
    assert (pool.leaks, pool.duplicates) == (1, 1)
    assert len(pool.examples) == len(POOL) - 1


def test_the_pool_has_no_near_copy_of_a_judged_row(settings: Settings) -> None:
    judged = POOL[0]
    near = named("near", f"Well, {judged.text} now")
    pool = build_pool([*POOL[1:], near], [judged], PrivacyGate.from_settings(settings))
    assert (pool.leaks, pool.duplicates) == (1, 0)
    assert "near" not in {example.id for example in pool.examples}


def test_the_pool_is_filtered_again(settings: Settings) -> None:
    private = replace(
        POOL[0],
        messages=({"role": "user", "content": "mail me at ada@example.org"},),
        expected=Answer("I will write to ada@example.org"),
    )
    (shown,) = build_pool([private], [], PrivacyGate.from_settings(settings)).examples
    assert "ada@example.org" not in shown.text + shown.expected_text
