"""The tiny base as a GGUF file, and adapters with weights large enough that a wrong one is seen."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np


def tiny_gguf(base: Path, path: Path) -> Path:
    """Write the tiny llama of `finetune_world` as a GGUF file in full precision, with its tokenizer.

    The rows of q and k are ordered pair by pair in plain loops, apart from the code under test.
    """
    import gguf
    from safetensors.numpy import load_file

    config = json.loads((base / "config.json").read_text())
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_vocab_size(config["vocab_size"])
    _add_tokenizer(writer, base)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    for name, values in load_file(base / "model.safetensors").items():
        if "q_proj" in name or "k_proj" in name:
            values = _paired(values, config["head_dim"])
        writer.add_tensor(names.get_name(name, try_suffixes=(".weight",)), values.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _paired(rows: np.ndarray[Any, Any], head: int) -> np.ndarray[Any, Any]:
    """Row i of a head's first half beside row i of its second half."""
    order = [
        start + offset + half * head // 2
        for start in range(0, len(rows), head)
        for offset in range(head // 2)
        for half in (0, 1)
    ]
    return np.ascontiguousarray(rows[order])


def _add_tokenizer(writer: Any, base: Path) -> None:
    model = json.loads((base / "tokenizer.json").read_text())
    vocabulary = sorted(model["model"]["vocab"].items(), key=lambda item: item[1])
    special = {token["id"] for token in model["added_tokens"]}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([token for token, _ in vocabulary])
    writer.add_token_types([3 if number in special else 1 for _, number in vocabulary])
    merges = [each if isinstance(each, str) else " ".join(each) for each in model["model"]["merges"]]
    writer.add_token_merges(merges)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(0)
    writer.add_add_bos_token(False)
    writer.add_chat_template((base / "chat_template.jinja").read_text())


def random_adapter(base: Path, folder: Path, *, size: float = 0.3, seed: int = 3, **config: Any) -> Any:
    """Save an adapter with random weights of about `size` through peft; returns the model that holds it."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    settings: dict[str, Any] = {"r": 4, "lora_alpha": 8, "target_modules": "all-linear", **config}
    with warnings.catch_warnings():  # what peft uses of transformers is to be renamed
        warnings.simplefilter("ignore")
        model = get_peft_model(
            AutoModelForCausalLM.from_pretrained(base, dtype="auto"), LoraConfig(**settings)
        )
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_A" in name or "lora_B" in name:
                weight.normal_(0, size)
            elif "lora_magnitude" in name:
                weight.mul_(1 + size * torch.rand_like(weight))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save_pretrained(folder)
    return model.eval()


def greedy(model: Any, prompt: list[int], count: int) -> list[int]:
    """`count` most likely tokens after the prompt, by whole forward passes; no token ends it."""
    import torch

    ids = list(prompt)
    with torch.no_grad():
        for _ in range(count):
            ids.append(int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
    return ids[len(prompt) :]
