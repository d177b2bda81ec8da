"""Near-duplicates stay together, sides follow the fractions, and only content and seed decide."""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whetstone.datasets.near_duplicates import (
    Fingerprint,
    UnionFind,
    jaccard,
    join_near_duplicates,
    normalise,
    shingles,
    template_shingles,
    text_hash,
)
from whetstone.datasets.split import CAPS, Group, SplitRow, assign, split_report

# Letters of scripts with and without case, with and without spaces between words.
ALPHABETS = [
    "abcdefghijklmnopqrstuvwxyz ",
    "абвгдежзиклмнопрст ",
    "我的卡什么时候到请问你好谢帮助付款转账",
    "ابتثجحخدذرزسش ",
    "कखगघचछजझ ",
]


def joined(texts: list[str]) -> list[int]:
    """The component of each text."""
    sets = [shingles(text) for text in texts]
    groups = UnionFind(len(texts))
    join_near_duplicates(
        [Fingerprint.of(item) for item in sets], range(len(texts)), lambda index: sets[index], groups
    )
    return [groups.find(index) for index in range(len(texts))]


def rows(count: int, task: str = "t", labels: int = 1, verified: bool = True, start: int = 0) -> list[Group]:
    """Groups of one row each."""
    return [
        Group.of([SplitRow(task, str(i % labels), verified, sha256(f"{task}{i}".encode()).digest())])
        for i in range(start, start + count)
    ]


def side_counts(groups: list[Group], seed: int = 0) -> Counter[str]:
    sides = assign(groups, seed)
    return Counter(sides[group.id] for group in groups for _ in group.rows)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Where's  my CARD?", "wheres my card"),
        ("ｆｕｌｌ　ｗｉｄｔｈ", "full width"),
        ("你好，世界！", "你好世界"),
        ("Straße", "STRASSE"),
    ],
)
def test_equal_after_normalisation(left: str, right: str) -> None:
    assert normalise(left) == normalise(right)
    assert text_hash(left) == text_hash(right)


def test_different_texts_of_any_script_are_not_equal() -> None:
    texts = ["我的卡什么时候到", "你好", "متى تصل بطاقتي", "कार्ड कब आएगा", "कार्ड कब आया", "card", "+", "$"]
    assert len({text_hash(text) for text in texts}) == len(texts)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_joining_is_jaccard_at_the_threshold_for_texts_of_any_length(data: st.DataObject) -> None:
    alphabet = data.draw(st.sampled_from(ALPHABETS))
    length = data.draw(st.integers(1, 900))
    chance = random.Random(data.draw(st.integers(0, 2**32)))
    text = "".join(chance.choices(alphabet, k=length))
    edited = list(text)
    for _ in range(data.draw(st.integers(0, max(1, length // 20)))):
        edited[chance.randrange(len(edited))] = chance.choice(alphabet)
    pair = [text, "".join(edited)]
    left, right = joined(pair)
    similarity = jaccard(shingles(pair[0]), shingles(pair[1])) if shingles(pair[0]) else 0
    if similarity >= 0.85:  # at the threshold itself the sketch may miss one pair in ten thousand
        assert left == right
    elif similarity < 0.8:
        assert left != right


@given(st.permutations(range(12)))
@settings(max_examples=30, deadline=None)
def test_components_do_not_depend_on_order(order: list[int]) -> None:
    base = "please tell me when the parcel with my new card will be delivered to the office in the north"
    chain = [base + "".join(f" and also number {j}" for j in range(i % 6)) + "xyz"[i // 6] for i in range(12)]
    expected = joined(chain)
    shuffled = joined([chain[i] for i in order])
    pairs = {(a, b) for a in range(12) for b in range(12) if expected[a] == expected[b]}
    assert pairs == {(order[a], order[b]) for a in range(12) for b in range(12) if shuffled[a] == shuffled[b]}


def test_what_most_texts_share_is_template() -> None:
    template = "Decide whether to answer. Be careful, and mind the rules of the house. Message: "
    texts = [template + f"{word} is what I want to know" for word in "abcdefghijkl"]
    common = template_shingles(texts)
    assert shingles(template) <= common
    assert template_shingles(texts[:9]) == set()


def test_clusters_of_thousands_are_joined_in_seconds() -> None:
    chance = random.Random(1)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(100)]
    texts = [f"the very same long question about my lost parcel, asked as number {i}" for i in range(2500)]
    texts += [" ".join(chance.choices(words, k=12)) for _ in range(2500)]
    started = time.monotonic()
    components = joined(texts)
    assert len(set(components[:2500])) == 1
    assert len(set(components[2500:])) > 2400
    assert time.monotonic() - started < 15


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, {}),
        (1, {"train": 1}),
        (3, {"train": 1, "validation": 1, "test": 1}),
        (100, {"train": 40, "validation": 25, "test": 35}),
        (200, {"train": 80, "validation": 50, "test": 70}),
        (400, {"train": 160, "validation": 80, "test": 160}),
        (2000, {"train": 1600, "validation": 100, "test": 300}),
    ],
)
def test_fractions_and_caps(count: int, expected: dict[str, int]) -> None:
    found = side_counts(rows(count))
    assert all(abs(found[side] - expected.get(side, 0)) <= 1 for side in ("train", "validation", "test"))
    assert all(found[side] <= cap for side, cap in CAPS.items())
    assert sum(found.values()) == count


def test_labels_are_spread_as_the_fractions_say() -> None:
    groups = rows(300, labels=1) + rows(60, task="t", labels=3, start=1000)
    sides = assign(groups, 7)
    for label in ("0", "1", "2"):
        found: Counter[str] = Counter(sides[group.id] for group in groups if group.rows[0].label == label)
        total = sum(found.values())
        assert all(abs(found[side] / total - share) < 0.1 for side, share in (("train", 0.4), ("test", 0.4)))


def test_verified_rows_reach_every_side_however_many_unverified_there_are() -> None:
    groups = rows(60, verified=True) + rows(3000, verified=False, start=5000)
    sides = assign(groups, 0)
    verified = Counter(sides[group.id] for group in groups if group.rows[0].verified)
    assert verified["test"] == pytest.approx(21, abs=2)
    assert verified["validation"] == pytest.approx(15, abs=2)


def test_report_warns_of_too_few_rows_and_of_one_large_group() -> None:
    large = Group.of([SplitRow("t", None, True, bytes([i])) for i in range(20)])
    groups = [large, *rows(5)]
    report = split_report(groups, assign(groups, 0), 0)
    assert report["counts"]["t"]["train"]["rows"] == 20
    assert any("25 verified rows" in warning for warning in report["warnings"])
    assert any("20 of 25 rows hang together" in warning for warning in report["warnings"])


@st.composite
def some_groups(draw: st.DrawFn) -> list[Group]:
    sizes = draw(st.lists(st.integers(1, 6), max_size=40))
    groups = []
    for number, size in enumerate(sizes):
        members = [
            SplitRow(
                draw(st.sampled_from(["a", "b"])),
                draw(st.sampled_from(["X", "Y", None])),
                draw(st.booleans()),
                f"{number}/{index}".encode(),
            )
            for index in range(size)
        ]
        groups.append(Group.of(members))
    return groups


@given(some_groups(), st.integers(0, 5), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_sides_depend_on_content_and_seed_only(groups: list[Group], seed: int, chance: random.Random) -> None:
    shuffled = [Group.of(chance.sample(list(group.rows), len(group.rows))) for group in groups]
    chance.shuffle(shuffled)
    sides = assign(groups, seed)
    assert sides == assign(shuffled, seed)
    report = split_report(groups, sides, seed)
    assert report == split_report(shuffled, assign(shuffled, seed), seed)
    by_task: defaultdict[str, int] = defaultdict(int)
    for group in groups:
        for row in group.rows:
            by_task[row.task] += 1
    assert {
        task: sum(side["rows"] for side in counts.values()) for task, counts in report["counts"].items()
    } == dict(by_task)


def test_another_seed_gives_another_split() -> None:
    groups = rows(100)
    assert assign(groups, 1) != assign(groups, 2)
