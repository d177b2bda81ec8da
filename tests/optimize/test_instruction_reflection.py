from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimize_world import rows
from whetstone.optimize.engine.evaluation import RowResult
from whetstone.optimize.engine.reflection import fit, parse_tag, parse_text, shares, show_example, trim
from whetstone.optimize.engine.tokens import estimate_tokens
from whetstone.optimize.rows.examples import parse_row

EXAMPLE = parse_row(rows(1)[0])
WANTED = "Decide what to do.\n- Answer in JSON."


@pytest.mark.parametrize(
    "answer",
    [
        WANTED,
        f"<instruction>\n{WANTED}\n</instruction>",
        f"I see.\n<hypothesis>It lacks a form.</hypothesis>\n<INSTRUCTION>{WANTED}</INSTRUCTION> Good luck!",
        f"<think>maybe <instruction>not this</instruction></think><instruction>{WANTED}</instruction>",
        f"<think>first try: wrong\n</think>\n{WANTED}",
        f"It failed by form.\n\n```\n{WANTED}\n```\nI hope this helps.",
        f"```markdown\n{WANTED}\n```",
        f"<instruction>\n```text\n{WANTED}\n```\n</instruction>",
        '{"reason": "form", "new_instruction": "Decide what to do.\\n- Answer in JSON."}',
        '```json\n{"prompt": "Decide what to do.\\n- Answer in JSON."}\n```',
        f"Sure! Here is the improved instruction:\n\n{WANTED}",
        f"Here's a better system prompt:\n{WANTED}",
        f"**New instruction:**\n{WANTED}",
        f"System prompt: {WANTED}",
        f"“{WANTED}”",
        f'"{WANTED}"',
        f"<instruction>{WANTED}",  # the closing tag forgotten, the text whole
    ],
)
def test_an_instruction_is_found_in_whatever_form_it_comes(answer: str) -> None:
    assert parse_text(answer) == WANTED


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "  \n",
        "```\n```",
        "<instruction></instruction>",
        "...",
        "<instruction>Decide what the",
        "12 34 56",
        "{}",
    ],
)
def test_nothing_is_made_of_an_answer_without_an_instruction(answer: str) -> None:
    assert parse_text(answer) is None


def test_a_code_block_inside_an_instruction_belongs_to_it() -> None:
    text = 'Answer like this:\n```json\n{"action": "STOP"}\n```\nand nothing else.'
    assert parse_text(text) == text
    assert parse_text(f"```\n{text}\n```") == text
    assert parse_text(f"<instruction>{text}</instruction>") == text


@given(st.text(max_size=400))
def test_any_answer_can_be_read(answer: str) -> None:
    found = parse_text(answer)
    assert found is None or found == found.strip() != ""
    assert parse_tag(answer, "hypothesis") is None or "<hypothesis>" in answer.lower()


@given(st.text(max_size=300), st.integers(0, 350))
def test_trimmed_text_keeps_to_its_length_and_short_text_stays(text: str, n: int) -> None:
    assert len(trim(text, n)) <= n
    if len(text) <= n:
        assert trim(text, n) == text


def test_trimmed_text_keeps_both_ends() -> None:
    text = trim("The beginning. " + "middle " * 100 + "The end.", 60)
    assert text.startswith("The beginning.")
    assert text.endswith("The end.")
    assert "[…]" in text


@given(st.lists(st.integers(0, 500), max_size=8), st.integers(-5, 1500))
def test_small_sizes_get_all_and_large_ones_share_the_rest(sizes: list[int], total: int) -> None:
    given_shares = shares(sizes, total)
    assert all(0 <= share <= size for share, size in zip(given_shares, sizes, strict=True))
    assert sum(given_shares) <= max(total, 0)
    assert sum(given_shares) >= min(sum(sizes), total) - len(sizes)
    cut = [share for share, size in zip(given_shares, sizes, strict=True) if share < size]
    if cut:
        assert max(given_shares) - min(cut) <= len(sizes)


@given(st.lists(st.text(max_size=600), max_size=6), st.integers(60, 1200))
def test_texts_are_cut_to_the_room(texts: list[str], tokens: int) -> None:
    cut = fit(texts, tokens)
    sizes = [estimate_tokens([{"role": "user", "content": text}]) for text in cut]
    assert sum(sizes) <= tokens + 3 * len(texts) + sum(_uneven(text) for text in texts)
    if sum(estimate_tokens([{"role": "user", "content": text}]) for text in texts) <= tokens:
        assert cut == texts


def _uneven(text: str) -> float:
    """What a cut may exceed its share by in tokens, where the costly characters stand at the ends."""
    return 1.5 * min(len(text), sum(not character.isascii() for character in text)) + 12


def test_a_row_is_shown_with_its_answer_and_feedback() -> None:
    result = RowResult(EXAMPLE.id, 0.25, feedback="wrong label: expected RESPOND", answer="STOP")
    text = show_example(EXAMPLE, result, 2_000)
    assert EXAMPLE.text in text
    assert EXAMPLE.expected_text in text
    assert "STOP" in text
    assert "score 0.25" in text
    assert "wrong label: expected RESPOND" in text
    assert "answer" not in show_example(EXAMPLE, None, 2_000).replace("Right answer", "")


def test_a_long_row_is_cut_where_it_is_long() -> None:
    result = RowResult(EXAMPLE.id, 0.0, feedback="the feedback", answer="word " * 5_000)
    text = show_example(EXAMPLE, result, 600)
    assert len(text) <= 600
    assert "the feedback" in text
    assert EXAMPLE.text in text
