"""The metric `text`: similarity of free text in every script."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whetstone.optimize.metrics import Answer, get_metric
from whetstone.optimize.metrics.text import MAX_LENGTH, words


def similarity(expected: str, given: str) -> float:
    return get_metric("text")(Answer(expected), Answer(given)).value


@pytest.mark.parametrize(
    ("right", "close", "wrong"),
    [
        ("The parcel arrives on Monday.", "Your parcel will arrive Monday.", "We sell garden chairs."),
        ("您的包裹星期一到达。", "包裹将在星期一到达。", "我们出售花园椅子。"),
        ("荷物は月曜日に届きます。", "月曜日にお荷物が届きます。", "庭の椅子を売っています。"),
        ("سيصل الطرد يوم الاثنين", "يصل طردك يوم الاثنين", "نبيع كراسي الحديقة"),
        ("החבילה תגיע ביום שני", "החבילה שלך תגיע ביום שני", "אנחנו מוכרים כיסאות גן"),
        ("พัสดุจะมาถึงวันจันทร์", "พัสดุของคุณถึงวันจันทร์", "เราขายเก้าอี้สวน"),
        ("पार्सल सोमवार को आएगा", "आपका पार्सल सोमवार को आएगा", "हम बगीचे की कुर्सियाँ बेचते हैं"),
        ("Посылка придёт в понедельник", "Ваша посылка придет в понедельник", "Мы продаём садовые стулья"),
        ("소포는 월요일에 도착합니다", "소포가 월요일에 도착해요", "우리는 정원 의자를 팝니다"),
    ],
)
def test_a_close_answer_beats_a_wrong_one_in_every_script(right: str, close: str, wrong: str) -> None:
    assert similarity(right, right) == 1
    assert 0.35 < similarity(right, close) < 1
    assert similarity(right, wrong) < 0.3
    assert similarity(right, close) > similarity(right, wrong) + 0.25


def test_repeated_words_and_word_order_count() -> None:
    assert similarity("no no no", "no") < 0.8
    assert similarity("water before light", "light before water") < 1
    assert similarity("now here", "nowhere") < 1


def test_case_width_blanks_and_invisible_characters_do_not_count() -> None:
    assert similarity("Straße  Nummer 5", "STRASSE nummer ５\n") == 1
    assert similarity("cafe\u0301", "caf\u00e9") == 1
    assert similarity("\u0645\u06cc\u200c\u0631\u0648\u0645", "\u0645\u06cc\u0631\u0648\u0645") == 1


def test_empty_answers() -> None:
    assert similarity("", "") == similarity(" ", "\n") == 1
    assert similarity("something", "") == similarity("", "something") == 0
    assert not get_metric("text")(Answer("something"), Answer("")).parsed


def test_signs_and_emoji_are_compared_too() -> None:
    assert similarity("👍", "👍") == 1
    assert similarity("👍", "👎") == 0
    assert similarity("?!", "...") == 0


def test_feedback_names_what_is_missing_and_what_is_too_much() -> None:
    feedback = get_metric("text")(
        Answer("Refund within ten days"), Answer("Refund within two weeks")
    ).feedback
    assert "Missing: ten, days" in feedback
    assert "Not expected: two, weeks" in feedback


def test_words_keep_their_vowel_signs_and_unspaced_scripts_fall_into_characters() -> None:
    assert words("हिन्दी भाषा") == ["हिन्दी", "भाषा"]
    assert words("你好, world 👍") == ["你", "好", "world", "👍"]
    assert words("don't_stop 42") == ["don", "t", "stop", "42"]


def test_long_texts_take_little_time() -> None:
    one, other = "ab c" * 100_000, "a bc" * 100_000
    start = time.perf_counter()
    assert 0 < similarity(one, other) < 1
    assert time.perf_counter() - start < 10
    assert (
        similarity("x" * MAX_LENGTH, "x" * MAX_LENGTH + "y") == 1
    )  # what is beyond the limit does not count


@given(st.text(max_size=60), st.text(max_size=60))
def test_it_is_bounded_and_symmetric_and_finds_a_text_equal_to_itself(one: str, other: str) -> None:
    value = similarity(one, other)
    assert 0 <= value <= 1
    assert value == pytest.approx(similarity(other, one))
    assert similarity(one, one) == 1


@given(st.text("甲乙丙丁戊己", min_size=1, max_size=8), st.text("子丑寅卯辰巳", min_size=1, max_size=8))
def test_texts_without_a_common_character_score_nothing(one: str, other: str) -> None:
    assert similarity(one, other) == 0
