"""The authored messages are sound: every decision is one that the agent can make."""

from __future__ import annotations

from collections import Counter

from whetstone.sample.messages import load_messages

ACTIONS = {
    "TRACK_ORDER": {"orderId"},
    "START_RETURN": {"orderId"},
    "CANCEL_ORDER": {"orderId"},
    "CHANGE_ADDRESS": {"orderId"},
    "PLANT_CARE": {"plant"},
    "SHOP_INFO": {"topic"},
    "HANDOFF": set(),
    "NONE": set(),
}


def test_messages_are_many_and_distinct() -> None:
    messages = load_messages()
    assert len(messages) >= 190
    assert len({message.id for message in messages}) == len(messages)
    assert len({message.text for message in messages}) == len(messages)


def test_decisions_actions_and_parameters_agree() -> None:
    for message in load_messages():
        assert set(message.parameters) == ACTIONS[message.action], message
        assert (message.action != "NONE") == (message.decision == "RESPOND"), message
        assert (message.response is None) == (message.decision == "IGNORE"), message


def test_every_decision_has_enough_examples() -> None:
    counts = Counter(message.decision for message in load_messages())
    assert counts.keys() == {"RESPOND", "IGNORE", "STOP"}
    assert min(counts.values()) >= 25


def test_messages_hold_private_data_for_the_filter_to_find() -> None:
    text = "\n".join(message.text for message in load_messages())
    for private in ("jonas.weber@posteo.example", "4111 1111 1111 1111", "+44 20 7946 0958", "sk-ant-"):
        assert private in text
