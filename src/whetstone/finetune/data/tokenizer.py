"""A model's tokenizer and chat template: conversations in, token ids and a mask of what is learnt out.

Neither torch nor MLX is needed: `tokenizers` encodes, transformers only renders the template.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from whetstone.errors import InvalidInputError
from whetstone.finetune.bases.checks import chat_template
from whetstone.finetune.data.messages import Chat, normal_chat, normal_tools
from whetstone.finetune.data.template import ChatTemplate, Learn, NotRenderableError, Span, Text, Tools
from whetstone.finetune.data.types import Ids, Mask, Rendered

_DECIDING_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "chat_template.json",
)
_PADS = ("<|endoftext|>", "<|finetune_right_pad_id|>", "<pad>", "[PAD]", "<unk>")
_TOGETHER = 256  # conversations encoded in one go
_PLACEHOLDER = 0xF0000  # private use: stands for a special token's text that somebody wrote into a message


class Conversation(NamedTuple):
    """What to render: normalised messages that end with the assistant's, the offered tools, the turns to learn."""

    messages: Chat
    tools: Tools
    learn: Learn


class ChatTokenizer:
    """Renders and encodes conversations as the model's own tools do (no special tokens beyond the template's).

    A token is learnt when any of its characters belongs to what the assistant said, the token that ends its turn
    included: where a token straddles the border, the model has to produce it to begin its answer. The text of a
    special token inside a message or a tool is encoded as ordinary text, so that none can forge a turn.
    """

    def __init__(self, content: bytes, config: Mapping[str, Any], template: str, fingerprint: str) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_buffer(content)
        self._plain = Tokenizer.from_buffer(content)
        for each in (self._tokenizer, self._plain):
            each.no_padding()
            each.no_truncation()
        self._plain.encode_special_tokens = True
        added = self._tokenizer.get_added_tokens_decoder()
        special = [token.content for token in added.values() if token.special and token.content]
        names = {
            key: text for key, value in config.items() if key.endswith("_token") and (text := _named(value))
        }
        special = list(dict.fromkeys([*special, *names.values()]))
        self._special = {text: chr(_PLACEHOLDER + index) for index, text in enumerate(special)}
        self._written = {mark: text for text, mark in self._special.items()}
        longest_first = sorted(special, key=len, reverse=True)
        self._special_text = re.compile("|".join(map(re.escape, longest_first))) if special else None
        self._marks = re.compile(f"([{''.join(self._written)}])") if special else None
        self._template = ChatTemplate(template, names, special)
        self._names = names
        self._more_stops: frozenset[int] = frozenset()
        self.fingerprint = fingerprint
        """SHA-256 (hex) of the files that decide how a conversation is encoded."""

    @classmethod
    def load(cls, folder: Path) -> ChatTokenizer:
        """The tokenizer of a model's folder. Raises InvalidInputError where it has none, or no chat template.

        A base model without a template is refused rather than given some default: it would learn a format that
        nobody uses when it serves.
        """
        path = folder / "tokenizer.json"
        if not path.is_file():
            raise InvalidInputError(
                f"{folder.name} has no tokenizer.json: choose a model with a fast tokenizer"
            )
        config = {**_json(folder / "special_tokens_map.json"), **_json(folder / "tokenizer_config.json")}
        template = chat_template(folder)
        if template is None:
            raise InvalidInputError(
                f"{folder.name} has no chat template: choose a model that was made for chat (an instruct model)"
            )
        digest = hashlib.sha256()
        for name in _DECIDING_FILES:
            if (folder / name).is_file():
                content = (folder / name).read_bytes()
                digest.update(f"{name}\0{len(content)}\0".encode() + content)
        try:
            made = cls(path.read_bytes(), config, template, digest.hexdigest())
        except Exception as error:  # the library raises a bare Exception
            raise InvalidInputError(f"{folder.name}: tokenizer.json cannot be read ({error})") from None
        made._add_stops(_json(folder / "generation_config.json"))
        return made

    @property
    def template(self) -> str:
        """The chat template's source."""
        return self._template.source

    @property
    def pad_id(self) -> int:
        """The token that fills short rows; it is never learnt, so that any will do."""
        names = (self._names.get("pad_token"), *_PADS, self._names.get("eos_token"))
        return next((found for name in names if name and (found := self._id(name)) is not None), 0)

    @property
    def stop_ids(self) -> frozenset[int]:
        """Tokens at which an answer ends."""
        names = (self._names.get("eos_token"), self._template.turn_end)
        found = {identifier for name in names if name and (identifier := self._id(name)) is not None}
        return frozenset(found | self._more_stops)

    @property
    def notes(self) -> list[str]:
        """Sentences about what the template cannot do, as far as it was asked to."""
        notes = []
        if self._template.narrowed:
            notes.append(
                f"The chat template rewrites earlier turns: of {self._template.narrowed} conversations only the last "
                "answer is learnt."
            )
        return notes

    @property
    def knows_system(self) -> bool:
        """Whether the template shows system prompts; else they go in front of the first question."""
        return self._template.knows_system

    @property
    def knows_tools(self) -> bool:
        """Whether the template shows offered tools; else they are left out."""
        return self._template.knows_tools

    @property
    def knows_calls(self) -> bool:
        """Whether the template shows tool calls; else they are learnt as JSON text."""
        return self._template.call_arguments is not None

    def conversation(self, messages: Iterable[Mapping[str, Any]], tools: Any, *, learn: Learn) -> Rendered:
        """A conversation that ends with the assistant's message. Raises NotRenderableError.

        `learn` says whether all of the assistant's turns are learnt or the last alone. Where the template rewrites
        earlier turns (drops their reasoning, say) and marks none, `all` learns the last.
        """
        chat = Conversation(normal_chat(messages), normal_tools(tools), learn)
        [found] = self.conversations([chat])
        if isinstance(found, NotRenderableError):
            raise found
        return found

    def conversations(self, chats: Iterable[Conversation]) -> Iterator[Rendered | NotRenderableError]:
        """Many at once, encoded on all threads; an error in the place of each that cannot be rendered."""
        waiting = iter(chats)
        while together := list(islice(waiting, _TOGETHER)):
            texts = [self._rendered(chat) for chat in together]
            encoded = self._encode([each.text for each in texts if isinstance(each, Text)])
            for each in texts:
                if isinstance(each, Text):
                    yield _masked(next(encoded), each.learnt)
                else:
                    yield each

    def prompt(self, messages: Iterable[Mapping[str, Any]], tools: Any) -> Ids:
        """The conversation up to where the assistant's answer begins. Raises NotRenderableError."""
        [found] = self.prompts([Conversation(normal_chat(messages), normal_tools(tools), "last")])
        if isinstance(found, NotRenderableError):
            raise found
        return found

    def prompts(self, chats: Iterable[Conversation]) -> Iterator[Ids | NotRenderableError]:
        """The same for many normalised conversations, which must not hold their answers."""
        waiting = iter(chats)
        while together := list(islice(waiting, _TOGETHER)):
            texts = [self._rendered_prompt(chat) for chat in together]
            encoded = self._encode([each for each in texts if isinstance(each, str)])
            for each in texts:
                yield next(encoded)[0] if isinstance(each, str) else each

    def decode(self, ids: Iterable[int], skip_special: bool = True) -> str:
        """The text of some tokens."""
        text: str = self._tokenizer.decode([int(each) for each in ids], skip_special_tokens=skip_special)
        return text

    def _add_stops(self, generation: Mapping[str, Any]) -> None:
        ends = generation.get("eos_token_id")
        ends = ends if isinstance(ends, list) else [ends]
        self._more_stops = frozenset(each for each in ends if isinstance(each, int))

    def _id(self, token: str) -> int | None:
        found: int | None = self._tokenizer.token_to_id(token)
        return found

    def _rendered(self, chat: Conversation) -> Text | NotRenderableError:
        try:
            return self._template.conversation(self._safe(chat.messages), self._safe(chat.tools), chat.learn)
        except NotRenderableError as error:
            return error.with_traceback(None)

    def _rendered_prompt(self, chat: Conversation) -> str | NotRenderableError:
        try:
            return self._template.prompt(self._safe(chat.messages), self._safe(chat.tools))
        except NotRenderableError as error:
            return error.with_traceback(None)

    def _safe(self, value: Any) -> Any:
        """Messages or tools with a placeholder for each special token's text in them."""
        if isinstance(value, str):
            pattern = self._special_text
            return pattern.sub(lambda found: self._special[found.group()], value) if pattern else value
        if isinstance(value, list):
            return [self._safe(each) for each in value]
        if isinstance(value, dict):
            # Keys that a template asks for are words; others (a parameter's name, say) are somebody's text.
            return {
                key if key.isidentifier() else self._safe(key): self._safe(each)
                for key, each in value.items()
            }
        return value

    def _encode(self, texts: Sequence[str]) -> Iterator[tuple[Ids, Ids]]:
        """Of each text the ids and the offsets (tokens, 2) in characters."""
        marked = [self._marks is not None and self._marks.search(text) is not None for text in texts]
        ordinary = [text for text, mark in zip(texts, marked, strict=True) if not mark]
        encoded = iter(self._tokenizer.encode_batch(ordinary, add_special_tokens=False))
        for text, mark in zip(texts, marked, strict=True):
            yield self._encode_pieces(text) if mark else _arrays(next(encoded), 0)

    def _encode_pieces(self, text: str) -> tuple[Ids, Ids]:
        pieces: list[tuple[Ids, Ids]] = []
        start = 0
        for piece in self._marks.split(text) if self._marks else [text]:
            written = self._written.get(piece)
            if written is not None:
                ids, _ = _arrays(self._plain.encode(written, add_special_tokens=False), 0)
                pieces.append((ids, np.tile(np.array([[start, start + 1]], np.int32), (len(ids), 1))))
            elif piece:
                pieces.append(_arrays(self._tokenizer.encode(piece, add_special_tokens=False), start))
            start += len(piece)
        return np.concatenate([ids for ids, _ in pieces]), np.concatenate([offsets for _, offsets in pieces])


def _arrays(encoding: Any, start: int) -> tuple[Ids, Ids]:
    ids = np.array(encoding.ids, np.int32)
    return ids, np.array(encoding.offsets, np.int32).reshape(-1, 2) + np.int32(start)


def _masked(encoded: tuple[Ids, Ids], spans: Sequence[Span]) -> Rendered:
    ids, offsets = encoded
    learnt: Mask = np.zeros(len(ids), np.bool_)
    for start, end in spans:
        learnt |= (offsets[:, 0] < end) & (offsets[:, 1] > start)
    learnt[:1] = False  # nothing comes before the first token from which to predict it
    return Rendered(ids, learnt)


def _named(value: Any) -> str | None:
    text = value.get("content") if isinstance(value, Mapping) else value
    return text if isinstance(text, str) else None


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise InvalidInputError(f"{path.parent.name}: {path.name} is not valid JSON") from None
    return value if isinstance(value, dict) else {}
