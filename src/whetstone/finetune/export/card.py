"""The model card, `README.md`, in the form of the Hugging Face hub (https://huggingface.co/docs/hub/model-cards)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from whetstone.finetune.export.build import ModelBuild
from whetstone.finetune.export.manifest import ADAPTER, GGUF_ADAPTER, GGUF_MODEL, MERGED
from whetstone.finetune.export.recipe import privacy

_METHODS = {
    "sft": "supervised on the assistant's answers",
    "dpo": "preferences (DPO)",
    "kto": "preferences (KTO)",
}

_LOSSES = {"sft": "nats a token", "dpo": "mean of the pairs", "kto": "mean of the rows"}
"""What the validation loss of each method is."""


def card(build: ModelBuild, forms: Mapping[str, str], notes: list[str]) -> str:
    """The card's text; `forms` names the forms that the folder has, `notes` what it lacks and why."""
    parts = [
        _front_matter(build),
        f"# {_line(build.model_id)}\n",
        _what(build),
        "## What it learnt from\n",
        _data(build),
        "## Results\n",
        _results(build),
        "## How to load it\n",
        _loading(build, forms),
        "## Limits\n",
        _limits(build, notes),
    ]
    return "\n".join(parts)


def _front_matter(build: ModelBuild) -> str:
    tags = ["lora", "whetstone", build.spec.method]
    lines = [f"base_model: {json.dumps(build.base_name)}", "library_name: peft"]
    if build.base.licence:
        lines.append(f"license: {json.dumps(build.base.licence)}")
    # JSON strings are YAML strings, whatever a name holds.
    lines += ["pipeline_tag: text-generation", "tags:", *(f"  - {json.dumps(tag)}" for tag in tags)]
    return "\n".join(["---", *lines, "---", ""])


def _what(build: ModelBuild) -> str:
    spec = build.spec
    kind = "DoRA" if spec.use_dora else "LoRA"
    return (
        f"A {kind} adapter (rank {spec.lora_rank}, alpha {spec.lora_alpha}"
        f"{', rank-stabilised' if spec.use_rslora else ''}) of {_line(build.base_name)}, "
        f"trained by Whetstone: {_METHODS[spec.method]}. All options, versions and digests are in recipe.json, the "
        "losses of each step in metrics.jsonl.\n"
    )


def _data(build: ModelBuild) -> str:
    rows = build.data.get("rows") or {}
    counts = (
        f"Dataset `{_line(build.spec.dataset_id)}`: {_number(rows.get('train'))} rows to train, "
        f"{_number(rows.get('validation'))} to validate, {_number(rows.get('test'))} held out for the test.\n"
    )
    lines = [counts]
    tasks = build.data.get("tasks")
    if isinstance(tasks, Mapping) and tasks:
        lines += ["| Task | Rows |", "| --- | ---: |"]
        lines += [f"| {_line(task)} | {_rows(count)} |" for task, count in sorted(tasks.items())]
        lines.append("")
    passed = privacy(build)
    lines.append(
        f"The rows passed Whetstone's privacy filter, version {_line(str(passed['filterVersion']))}.\n"
        if passed
        else "The rows carry no attestation of a privacy filter.\n"
    )
    return "\n".join(lines)


def _rows(count: Any) -> str:
    return _number(sum(count.values()) if isinstance(count, Mapping) else count)


def _results(build: ModelBuild) -> str:
    results = build.results
    lines = ["| | Base | Tuned | Difference (95 % interval) |", "| --- | ---: | ---: | ---: |"]
    if isinstance(loss := results.get("validationLoss"), Mapping):
        base, tuned = loss.get("base"), loss.get("tuned")
        delta = tuned - base if base is not None and tuned is not None else None
        lines.append(_row(f"Validation loss ({_LOSSES[build.spec.method]})", base, tuned, delta, None))
    proof = results.get("proof")
    if isinstance(proof, Mapping):
        if isinstance(held := proof.get("loss"), Mapping):
            title = f"Test loss (nats a token, {_number(held.get('rows'))} rows)"
            lines.append(
                _row(title, held.get("base"), held.get("tuned"), held.get("delta"), held.get("interval"))
            )
        title = f"Test score ({', '.join(map(_line, proof.get('metrics') or {}))}; {_number(proof.get('rows'))} rows)"
        scores = (proof.get("baseScore"), proof.get("tunedScore"), proof.get("delta"))
        lines.append(_row(title, *scores, proof.get("interval")))
        for task, figures in sorted((proof.get("tasks") or {}).items()):
            title = f"{_line(task)} ({_number(figures.get('rows'))} rows)"
            lines.append(_row(title, figures.get("baseScore"), figures.get("tunedScore"), None, None))
    if len(lines) == 2:
        return "Nothing was measured.\n"
    lines.append("")
    if build.spec.quantization == "4bit":
        lines.append(
            "Base and tuned model were measured with the base's weights in 4 bits. What follows loads the base in full "
            "precision, where the figures may differ.\n"
        )
    if isinstance(proof, Mapping) and proof.get("decision"):
        lines.append(f"Decision of the gate: {_line(str(proof['decision']))}.\n")
    return "\n".join(lines)


def _row(title: str, base: Any, tuned: Any, delta: Any, interval: Any) -> str:
    difference = _number(delta)
    if isinstance(interval, list | tuple) and len(interval) == 2:
        difference += f" ({_number(interval[0])} to {_number(interval[1])})"
    return f"| {title} | {_number(base)} | {_number(tuned)} | {difference} |"


def _loading(build: ModelBuild, forms: Mapping[str, str]) -> str:
    base = build.base.ref.location if build.base.ref.kind == "hub" else f"path of {build.base_name}"
    parts = [
        "With transformers and PEFT, from this folder:\n",
        "```python",
        "from peft import PeftModel",
        "from transformers import AutoModelForCausalLM, AutoTokenizer",
        "",
        f"model = AutoModelForCausalLM.from_pretrained({json.dumps(base)})",
        f'model = PeftModel.from_pretrained(model, "{ADAPTER}")',
        'tokenizer = AutoTokenizer.from_pretrained(".")',
        "```\n",
    ]
    if "merged" in forms:
        parts.append(
            f"`{MERGED}/` is the base with the adapter in it, for any reader of Hugging Face folders.\n"
        )
    if "ggufAdapter" in forms:
        parts += [
            "With llama.cpp, over a GGUF file of the same base:\n",
            f"```\nllama-server --model base.gguf --lora {GGUF_ADAPTER}\n```\n",
            "With Ollama, a Modelfile (the base must be the same model):\n",
            f"```\nFROM <the base in Ollama>\nADAPTER ./{GGUF_ADAPTER}\n```\n",
        ]
    if "gguf" in forms:
        parts.append(f"Without a base: `llama-server --model {GGUF_MODEL}`, or `FROM ./{GGUF_MODEL}`.\n")
    return "\n".join(parts)


def _limits(build: ModelBuild, notes: list[str]) -> str:
    licence = f"that of the base, {_line(build.base.licence)}" if build.base.licence else "that of the base"
    lines = [
        "- It does what its rows did; on other tasks it may be worse than its base.",
        "- Prompts must be rendered with the chat template of this folder, which is the base's.",
        "- The adapter belongs to this base; on another one its answers are noise.",
        f"- Fingerprint of the base: `{build.base.fingerprint}`.",
        f"- Licence: {licence}.",
        *(f"- {_line(note)}" for note in notes),
    ]
    return "\n".join(lines) + "\n"


def _number(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "–"
    return str(value) if isinstance(value, int) else f"{value:.4g}"


def _line(text: str) -> str:
    """Text of others as one line that is no markup of a table."""
    return " ".join(str(text).split()).replace("|", "\\|")
