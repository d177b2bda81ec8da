"""What llama.cpp says after a prompt: `python -m whetstone.finetune.export.llama`, a question on standard input.

A process of its own, because the runtime ends its process on some broken files, and keeps its memory otherwise.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import orjson

from whetstone.errors import NotAvailableError, WhetstoneError

_ANSWER: Final = b"\n--answer--"
_WARNINGS_AND_ERRORS: Final = 1
_ALTERNATIVES: Final = 20


@dataclass(frozen=True, slots=True)
class Continuation:
    """Greedy tokens after a prompt, without an end-of-text token.

    `first` holds log-probabilities (nats) of the most likely first tokens; it is empty where the first token is an
    incomplete UTF-8 sequence, for which the runtime gives none.
    """

    tokens: list[int]
    first: dict[int, float]


def is_installed() -> bool:
    """Whether llama.cpp can be asked here."""
    return importlib.util.find_spec("xllamacpp") is not None


def continuations(
    model: Path,
    prompts: Sequence[Sequence[int]],
    count: int,
    *,
    adapter: Path | None = None,
    threads: int = 1,
    seconds: float = 600.0,
) -> list[Continuation]:
    """Up to `count` most likely tokens after each prompt (token ids), by the GGUF file `model` with `adapter` on it.

    Raises `NotAvailableError` without llama.cpp,
    `WhetstoneError` when the files cannot be loaded or no answer came in `seconds`.
    """
    if not is_installed():
        raise NotAvailableError("llama.cpp is not installed; `pip install 'whetstone[local]'` brings it")
    question = {
        "model": str(model),
        "adapter": None if adapter is None else str(adapter),
        "prompts": [list(map(int, prompt)) for prompt in prompts],
        "count": count,
        "threads": threads,
        "context": max(map(len, prompts), default=0) + count + 8,
    }
    try:
        done = subprocess.run(
            [sys.executable, "-m", "whetstone.finetune.export.llama"],
            input=orjson.dumps(question),
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise WhetstoneError(f"llama.cpp did not answer within {seconds:g} seconds") from None
    _, found, answer = done.stdout.rpartition(_ANSWER)
    if done.returncode != 0 or not found:
        words = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no reason given"]
        raise WhetstoneError(f"llama.cpp could not use {(adapter or model).name}: {words[0][:300]}")
    return [
        Continuation(each["tokens"], {int(token): value for token, value in each["first"]})
        for each in orjson.loads(answer)
    ]


def main() -> None:
    """Answer the question on standard input."""
    question = orjson.loads(sys.stdin.buffer.read())
    server = _load(question)
    answers = [_ask(server, prompt, question["count"]) for prompt in question["prompts"]]
    sys.stdout.buffer.write(_ANSWER + orjson.dumps(answers))
    sys.stdout.buffer.flush()
    os._exit(0)  # taking the runtime's server down waits without limit, and nothing could be lost


def _load(question: dict[str, Any]) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = question["model"]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.ui = False
    params.endpoint_slots = False
    params.n_parallel = 1
    params.n_ctx = max(256, question["context"])
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = question["threads"]
    # Half precision there would blur what is asked: whether the files are right.
    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    params.verbosity = _WARNINGS_AND_ERRORS
    params.warmup = False
    if question["adapter"] is not None:
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(question["adapter"], 1.0)]
    return xllamacpp.Server(params)


def _ask(server: Any, prompt: list[int], count: int) -> dict[str, Any]:
    # Over HTTP, because the runtime's own method speaks the OpenAI protocol only, which gives no token ids.
    response = httpx.post(
        f"{server.listening_address}/completion",
        json={
            "prompt": prompt,
            "n_predict": count,
            "temperature": 0.0,
            "n_probs": _ALTERNATIVES,
            "cache_prompt": False,
            "return_tokens": True,
        },
        timeout=3600.0,  # whoever asks ends this process sooner
        trust_env=False,
    )
    answer = response.raise_for_status().json()
    steps = answer.get("completion_probabilities") or []
    first = steps[0]["top_logprobs"] if steps and steps[0]["id"] == answer["tokens"][0] else []
    return {"tokens": answer["tokens"], "first": [(each["id"], each["logprob"]) for each in first]}


if __name__ == "__main__":
    main()
