"""A base model small enough to train in a test: a random two-layer llama with a byte-level tokenizer and ChatML."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] or '' }}"
    "{% for call in message.get('tool_calls') or [] %}<tool_call>{{ call | tojson }}</tool_call>{% endfor %}"
    "<|im_end|>{% endgeneration %}\n{% else %}{{ message['content'] }}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CHATML_WITHOUT_MARKERS = CHATML.replace("{% generation %}", "").replace("{% endgeneration %}", "")

_ANSWERS = {"refund": "REFUND", "parcel": "TRACK", "password": "RESET", "hello": "GREET"}
SYSTEM = "Answer with the action's name."


def tiny_base(folder: Path, *, markers: bool = True, seed: int = 0, **config: Any) -> Path:
    """Write the model into `folder` as a Hugging Face folder; `config` overrides the architecture's figures."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder.mkdir(parents=True, exist_ok=True)
    size = _write_tokenizer(folder, CHATML if markers else CHATML_WITHOUT_MARKERS)
    torch.manual_seed(seed)
    shape = {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 2048,
        "tie_word_embeddings": True,
        "rope_theta": 100000.0,
    }
    model = LlamaForCausalLM(
        LlamaConfig(vocab_size=size, bos_token_id=1, eos_token_id=2, pad_token_id=0, **(shape | config))
    )
    model.save_pretrained(folder)
    content = json.loads((folder / "config.json").read_text())
    content["rope_theta"] = 100000.0  # the key that other readers know
    (folder / "config.json").write_text(json.dumps(content, indent=2))
    return folder


def chat_rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """`count` chats of various lengths whose answer follows from one word of the question."""
    draw = random.Random(seed)
    rows = []
    for _ in range(count):
        word = draw.choice(sorted(_ANSWERS))
        filler = " ".join(
            draw.choice(["please", "now", "my", "the", "about", "order"]) for _ in range(draw.randint(1, 24))
        )
        rows.append(
            {
                "messages": [
                    {"role": "system", "content": SYSTEM},
                    {"role": "user", "content": f"{filler} {word} {draw.randint(0, 9999)}"},
                    {"role": "assistant", "content": _ANSWERS[word]},
                ]
            }
        )
    return rows


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    """The rows as a JSONL file."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _write_tokenizer(folder: Path, template: str) -> int:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=512,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = [message["content"] for row in chat_rows(400, seed=7) for message in row["messages"]]
    tokenizer.train_from_iterator([*texts, "system\nuser\nassistant\ntool\n"], trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    special = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(
        json.dumps({**special, "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 2048})
    )
    (folder / "special_tokens_map.json").write_text(json.dumps(special))
    (folder / "chat_template.jinja").write_text(template)
    return int(tokenizer.get_vocab_size())
