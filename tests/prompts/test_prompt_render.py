"""Prompts and demonstrations as the messages that a model sees."""

from __future__ import annotations

from whetstone.lm.types import Message
from whetstone.prompts.artifact import Demonstration, DemonstrationInput
from whetstone.prompts.render import MAX_BLOCK_INPUT, render, with_block

QUESTION: list[Message] = [{"role": "user", "content": "is anyone there?"}]


def shown(user: str, answer: str) -> Demonstration:
    return Demonstration(input=DemonstrationInput(user=user), expected_output=answer)


def test_turns_stand_between_the_prompt_and_the_conversation() -> None:
    messages = render("Decide.", [shown("hi", "RESPOND"), shown("brb", "IGNORE")], "turns", QUESTION)
    assert [(message["role"], message["content"]) for message in messages] == [
        ("system", "Decide."),
        ("user", "hi"),
        ("assistant", "RESPOND"),
        ("user", "brb"),
        ("assistant", "IGNORE"),
        ("user", "is anyone there?"),
    ]


def test_a_block_is_appended_to_the_prompt() -> None:
    messages = render("Decide.\n", [shown("hi", "RESPOND"), shown("brb", "IGNORE")], "block", QUESTION)
    assert len(messages) == 2
    assert messages[0]["content"] == (
        "Decide.\n\nDemonstrations:\n\n"
        "Example 1:\nInput:\nhi\nExpected:\nRESPOND\n\n"
        "Example 2:\nInput:\nbrb\nExpected:\nIGNORE"
    )


def test_a_block_is_not_appended_twice() -> None:
    once = with_block("Decide.", [shown("hi", "RESPOND")])
    assert with_block(once, [shown("other", "STOP")]) == once
    assert with_block("Demonstrations: none yet.", [shown("hi", "RESPOND")]).count("Example 1:") == 1


def test_long_inputs_are_cut_in_a_block_and_whole_in_turns() -> None:
    long = "x" * 5000
    block = with_block("Decide.", [shown(long, "STOP")])
    assert len(block) < MAX_BLOCK_INPUT + 100
    assert "x…\nExpected:\nSTOP" in block
    assert render("", [shown(long, "STOP")], "turns", QUESTION)[0]["content"] == long


def test_the_system_message_of_the_request_is_replaced() -> None:
    request: list[Message] = [{"role": "system", "content": "old"}, *QUESTION]
    messages = render("new", [], "turns", request)
    assert [message["content"] for message in messages] == ["new", "is anyone there?"]
    assert request[0]["content"] == "old"


def test_without_a_prompt_there_is_no_system_message() -> None:
    assert render("  ", [], "block", QUESTION) == QUESTION
    assert render("", [shown("hi", "RESPOND")], "block", QUESTION)[0]["role"] == "system"
