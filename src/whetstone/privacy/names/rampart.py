"""Rampart: a small multilingual token classifier for personal data, run by ONNX Runtime.

Only the worker process imports this module.
"""

from __future__ import annotations

import json
from typing import Final

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from whetstone.privacy.names.entity import Entity
from whetstone.privacy.names.models import RAMPART
from whetstone.privacy.names.romanize import needs_romanizing, romanize

_MAX_TOKENS: Final = 500
"""The model has 512 positions; two are taken by the marks of start and end."""
_BIAS: Final = 0.5


class Rampart:
    """The loaded model. Raises UnavailableError when its files are missing or not the known ones."""

    def __init__(self) -> None:
        folder = RAMPART.verified()
        config = json.loads((folder / "config.json").read_bytes())
        names = [config["id2label"][str(index)][2:] for index in range(len(config["id2label"]))]
        labels = ["PERSON" if name in ("GIVEN_NAME", "SURNAME") else name for name in names]
        self._labels = sorted(set(labels))
        # "Nothing" must win clearly: what is left unsure, the rules of combination settle by its score.
        self._bias = np.array([1.0 if name else _BIAS for name in self._labels])
        self._groups = np.array([[float(name == label) for label in self._labels] for name in labels])
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._start = self._tokenizer.token_to_id("[CLS]")
        self._end = self._tokenizer.token_to_id("[SEP]")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(folder / "onnx" / "model_q4.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = {value.name for value in self._session.get_inputs()}

    def entities(self, text: str) -> list[Entity]:
        """What the model finds, in text order; tokens with the same label side by side are one entity."""
        if not needs_romanizing(text):
            return self._entities(text)
        latin, origins = romanize(text)
        return [
            entity._replace(start=origins[entity.start], end=origins[entity.end - 1] + 1)
            for entity in self._entities(latin)
        ]

    def _entities(self, text: str) -> list[Entity]:
        encoded = self._tokenizer.encode(text, add_special_tokens=False)
        found: list[Entity] = []
        for first in range(0, len(encoded.ids), _MAX_TOKENS):
            labels, scores = self._classify(encoded.ids[first : first + _MAX_TOKENS])
            offsets = encoded.offsets[first : first + _MAX_TOKENS]
            for (start, end), label, score in zip(offsets, labels, scores, strict=True):
                if not label or start == end:
                    continue
                last = found[-1] if found else None
                if last is not None and last.label == label and text[last.end : start] in ("", " "):
                    found[-1] = last._replace(end=end, score=max(score, last.score))
                else:
                    found.append(Entity(start, end, label, score))
        return found

    def _classify(self, ids: list[int]) -> tuple[list[str], list[float]]:
        # One text at a time: the quantised model's answers would depend on the others in a batch.
        row = np.array([[self._start, *ids, self._end]], dtype=np.int64)
        feed = {"input_ids": row, "attention_mask": np.ones_like(row), "token_type_ids": np.zeros_like(row)}
        output = self._session.run(None, {key: feed[key] for key in self._inputs})[0]
        logits = np.asarray(output)[0, 1:-1]
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        # A name torn between beginning and inside, or given name and surname, is a name all the same.
        shares = powers @ self._groups / powers.sum(axis=-1, keepdims=True)
        best = (shares * self._bias).argmax(axis=-1)
        scores = shares[np.arange(len(ids)), best]
        return [self._labels[index] for index in best], [float(score) for score in scores]
