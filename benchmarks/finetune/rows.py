"""Synthetic support chats of varied length, made from a seed: 80 to 320 tokens, of which the answer is about
a third."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

VALIDATION_ROWS = 24

_PRODUCTS = (
    "espresso machine",
    "bike light",
    "rain jacket",
    "desk lamp",
    "headset",
    "tent",
    "blender",
    "keyboard",
)
_CITIES = ("Osaka", "Lisbon", "Bergen", "Quito", "Leeds", "Graz", "Perth", "Tampere", "Austin", "Dakar")
_PROBLEMS = {
    "LOST_PARCEL": "the parcel never arrived although tracking says that it was delivered",
    "REFUND": "I sent it back three weeks ago and the money has not come",
    "BROKEN": "it stopped working on the second day and smells burnt",
    "WRONG_ITEM": "you sent me another colour and another size than I ordered",
    "INVOICE": "the invoice shows a wrong company name and no tax number",
    "CANCEL": "I want to cancel the order because it takes far too long",
}
_DETAILS = (
    "I wrote to you about this last week and nobody answered.",
    "The order was a birthday present, so it is rather urgent now.",
    "My neighbour says that no van stopped in our street on that day.",
    "I have kept the box, the receipt and all of the small parts.",
    "The courier's site shows the same status since Tuesday morning.",
    "I paid with a gift card and the rest by bank transfer.",
    "Please do not send me the standard answer about opening hours again.",
    "If it helps, I can send photographs of the label and of the damage.",
    "My phone number has changed since I placed the order.",
    "We are away from the tenth to the twenty-first of this month.",
)
_STEPS = (
    "I have opened a case with the carrier and asked for proof of delivery.",
    "You will get a return label by e-mail within the hour.",
    "The money goes back to the way you paid, within five working days.",
    "A colleague in the warehouse checks the shelf for you today.",
    "I have put a note on your account, so that you need not explain it again.",
    "As an apology the next delivery is free of charge.",
    "Should nothing happen by Friday, answer this message and it comes straight to me.",
)
_SYSTEM = "You are the support agent of a mail-order shop. Begin with the action in tags."


def write(folder: Path, rows: int, seed: int = 0) -> None:
    """`train.jsonl` with so many rows and `validation.jsonl`, the same for the same figures."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(seed)
    for name, count in (("validation", VALIDATION_ROWS), ("train", rows)):
        lines = [json.dumps(_row(draw) | {"metadata": {"split": name}}) for _ in range(count)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _row(draw: random.Random) -> dict[str, Any]:
    action, problem = draw.choice(sorted(_PROBLEMS.items()))
    product, city = draw.choice(_PRODUCTS), draw.choice(_CITIES)
    order = draw.randrange(10_000, 99_999)
    details = draw.sample(_DETAILS, _few(draw, len(_DETAILS)))
    question = (
        f"Hello, I ordered a {product} to {city} (order {order}) and {problem}. {' '.join(details)}".strip()
    )
    steps = draw.sample(_STEPS, _few(draw, len(_STEPS)))
    answer = (
        f"<action>{action}</action>\nI am sorry about the {product}. The {city} team takes care of order {order}. "
        + " ".join(steps)
    )
    messages = [
        {"role": "system", "content": _SYSTEM},
        {"role": "user", "content": question},
        {"role": "assistant", "content": answer},
    ]
    return {"messages": messages}


def _few(draw: random.Random, most: int) -> int:
    """0..most, low numbers more often: most messages are short, some are not."""
    return int(draw.random() ** 1.7 * (most + 1))
