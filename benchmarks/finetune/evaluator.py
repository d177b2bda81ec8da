"""The one evaluator: validation losses of the base and of each trainer's adapter, in a process of its own.

Reads `{"model", "data", "threads", "adapters": {name: folder}}` from standard input and answers with one line of JSON:
nats an answer's token, by name, with `base` among them. In fp32 on the CPU, row by row, so that there is no padding.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from benchmarks.finetune.encoding import IGNORED, encode, tokenizer_of


def main() -> None:
    """Evaluate all."""
    output, sys.stdout = sys.stdout, sys.stderr
    asked = json.loads(sys.stdin.read())
    torch.set_num_threads(asked["threads"])
    model, lines = (
        Path(asked["model"]),
        (Path(asked["data"]) / "validation.jsonl").read_text(encoding="utf-8"),
    )
    rows = encode(tokenizer_of(model), [json.loads(line) for line in lines.splitlines()])
    found = {"base": loss(_load(model, None), rows)}
    for name, folder in asked["adapters"].items():
        found[name] = loss(_load(model, folder), rows)
    output.write(json.dumps(found) + "\n")
    output.flush()


def loss(model: Any, rows: list[dict[str, list[int]]]) -> float:
    """Mean over all answers' tokens."""
    total, count = 0.0, 0
    for row in rows:
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([row["input_ids"]])).logits[0, :-1]
        labels = torch.tensor(row["labels"][1:])
        total += float(
            torch.nn.functional.cross_entropy(logits, labels, ignore_index=IGNORED, reduction="sum")
        )
        count += int((labels != IGNORED).sum())
    return total / count


def _load(folder: Path, adapter: str | None) -> Any:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return (PeftModel.from_pretrained(model, adapter) if adapter else model).eval()


if __name__ == "__main__":
    main()
