"""The real tasks, read from packages that are never imported and from a folder of data; rows are short, since the model is."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.optimizers.environments import data_package
from benchmarks.optimizers.worlds.words import generator

SIZES = {"train": 24, "validation": 12, "test": 32}
_INTENTS = ("card_arrival", "exchange_rate", "lost_or_stolen_card", "cash_withdrawal_charge")
_EMAIL_CHARACTERS = 400
_FUNCTION_CHARACTERS = 420

Rows = list[dict[str, Any]]


def load(name: str, cache: Path, data: Path) -> dict[str, Any] | None:
    """A task as `RealTask` reads it; None where its data is missing. The same rows every time."""
    prompt, metric, read = _TASKS[name]
    rows = read(cache, data)
    if not rows:
        return None
    generator("real", name).shuffle(rows)
    rows = _balanced(rows)
    made: dict[str, Any] = {"prompt": prompt, "metric": metric}
    start = 0
    for split, size in SIZES.items():
        made[split] = [
            {"id": f"{name}-{split}-{index}", **row} for index, row in enumerate(rows[start : start + size])
        ]
        start += size
    return made


def names() -> list[str]:
    """The tasks."""
    return list(_TASKS)


def _balanced(rows: Rows) -> Rows:
    """The labels in turn, while they last."""
    groups: dict[str, Rows] = {}
    for row in rows:
        groups.setdefault(row["label"], []).append(row)
    waiting = list(groups.values())
    ordered: Rows = []
    while waiting:
        ordered += [group.pop() for group in waiting]
        waiting = [group for group in waiting if group]
    return ordered


def _facility(cache: Path, _data: Path) -> Rows:
    path = data_package("llama_prompt_ops", cache) / "templates" / "sample_dataset.json"
    rows = []
    for each in json.loads(path.read_text(encoding="utf-8")):
        sentiment = json.loads(each["answer"])["sentiment"]
        gold = {"sentiment": sentiment}
        text = " ".join(each["fields"]["input"].split())[:_EMAIL_CHARACTERS]
        rows.append({"text": text, "gold": json.dumps(gold), "label": sentiment, "accepted": gold})
    return rows


def _functions(cache: Path, _data: Path) -> Rows:
    folder = data_package("bfcl_eval", cache) / "data"
    file = "BFCL_v4_simple_python.json"
    questions = [json.loads(line) for line in (folder / file).open(encoding="utf-8")]
    answers = {
        each["id"]: each["ground_truth"][0]
        for each in map(json.loads, (folder / "possible_answer" / file).open(encoding="utf-8"))
    }
    rows = []
    for each in questions:
        function = json.dumps(each["function"][0])
        if len(function) > _FUNCTION_CHARACTERS:
            continue
        [(name, accepted)] = answers[each["id"]].items()
        arguments = {key: values[0] for key, values in accepted.items() if "" not in values}
        gold = json.dumps({"name": name, "arguments": arguments})
        text = f"Function: {function}\nQuestion: {each['question'][0][0]['content']}"
        rows.append(
            {"text": text, "gold": gold, "label": "call", "accepted": {"name": name, "arguments": accepted}}
        )
    return rows


def _banking(_cache: Path, data: Path) -> Rows:
    path = data / "banking77" / "train.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8") as file:
        return [
            {
                "text": row["text"],
                "gold": row["category"],
                "label": row["category"],
                "accepted": row["category"],
            }
            for row in csv.DictReader(file)
            if row["category"] in _INTENTS
        ]


def _iris(cache: Path, _data: Path) -> Rows:
    path = data_package("sklearn", cache) / "datasets" / "data" / "iris.csv"
    with path.open(encoding="utf-8") as file:
        head, *lines = csv.reader(file)
    rows = []
    for line in lines:
        name = head[2 + int(line[4])]
        text = f"sepal length {line[0]}, sepal width {line[1]}, petal length {line[2]}, petal width {line[3]}"
        rows.append({"text": text, "gold": name, "label": name, "accepted": name})
    return rows


_TASKS: dict[str, tuple[str, str, Callable[[Path, Path], Rows]]] = {
    "facility": (
        'Read the message to a facility service. Answer with JSON: {"sentiment": "positive", "neutral" or "negative"}.',
        "field",
        _facility,
    ),
    "functions": (
        'Answer with the call of the function as JSON: {"name": …, "arguments": {…}}.',
        "call",
        _functions,
    ),
    "banking77": (
        f"Name the customer's intent: {', '.join(_INTENTS)}. Answer with the name alone.",
        "label",
        _banking,
    ),
    "iris": ("Name the iris: setosa, versicolor or virginica. Answer with the name alone.", "label", _iris),
}
