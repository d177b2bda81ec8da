"""Filters the leaves of one trajectory: first all are surveyed, then each is rewritten with what is known of all."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

from whetstone.privacy.detectors.answers import asks
from whetstone.privacy.detectors.identity import is_card_number
from whetstone.privacy.detectors.spans import Order, Span, Tier, resolve
from whetstone.privacy.findings import NAME_KINDS, Findings
from whetstone.privacy.names.personas import personas
from whetstone.privacy.replacement.placeholders import label, mask_placeholders, only_placeholders
from whetstone.privacy.replacement.replacer import Replacer
from whetstone.privacy.scanner import TextScanner
from whetstone.privacy.structure import encodings
from whetstone.privacy.structure.content import json_edits
from whetstone.privacy.structure.edits import Edit, Rewrite, apply
from whetstone.privacy.structure.json_text import parse
from whetstone.privacy.structure.keys import KeyRule, rule_for

UNFILTERABLE: Final = "unfilterable"
_MAX_ROUNDS = 8
_SEAM = 300  # characters of a turn that its neighbour is read with
_MAX_LAYERS = 4  # base64 of JSON of a query string …
_CARD_LENGTHS = range(13, 20)
_SHORT_ANSWER = 60
# A JSON string, not a key, with a capitalised word in it.
_CAPITALISED_VALUE: Final = re.compile(
    r"[:,\[]\s{0,4}\"(?:[^\"\\]|\\.){0,200}?(?<![^\W\d_])[^\W\d_a-z][^\W\d_A-Z]{2}"
)
_BEYOND_LITERAL: Final = re.compile(r"[\"\\\[\]{}]")


class Survey:
    """Visits every leaf without changing it, and gathers the plain texts and what keys tell about values."""

    field = ""

    def __init__(self, findings: Findings, scanner: TextScanner, rules: TextScanner) -> None:
        """`rules` is the scanner without the models for names, which are slow."""
        self._findings = findings
        self._scanner = scanner
        self._rules = rules
        self._seen: set[str] = set()
        self.texts: list[str] = []
        """The different plain texts, in document order, encoded ones decoded."""
        # JSON texts and seams of conversations: what stands around a leaf says things that it does not.
        self._surroundings: list[str] = []
        self._surroundings_without_names: list[str] = []

    def text(self, text: str, rule: KeyRule | None) -> Sequence[Edit]:
        """Notes a string; changes nothing."""
        self._teach(text, rule)
        self._look(text, 0)
        return ()

    def number(self, number: int | float, rule: KeyRule | None) -> Edit | None:  # noqa: ARG002 - part of the interface
        """Numbers teach nothing."""
        return None

    def instructions(self, text: str) -> None:
        """Notes what the agent is called: that is nobody's private name."""
        for name in personas(text):
            self._findings.spare(name)

    def conversation(self, turns: Sequence[str]) -> None:
        """Notes where an answer follows a question: what is private in it may be known by the question alone."""
        for question, answer in pairwise(turns):
            if not asks(question):
                continue  # "Thanks!" and the next one's turn are no letter with its signature
            seam = f"{question[-_SEAM:]}\n{answer[:_SEAM]}"
            if seam not in self._seen:
                self._seen.add(seam)
                is_short = len(answer) <= _SHORT_ANSWER  # a longer one tells by itself what is a name
                (self._surroundings if is_short else self._surroundings_without_names).append(seam)

    def whole(self, value: Any) -> None:
        """Notes an object or array of the trajectory."""
        text = json.dumps(value, ensure_ascii=False)
        if text not in self._seen:  # tools are defined anew in every call
            self._seen.add(text)
            self._surround(text)

    def keeps(self, identifier: str) -> bool:  # noqa: ARG002 - part of the interface
        """Identifiers are looked at when they are rewritten."""
        return True

    @property
    def gathered(self) -> Iterator[str]:
        """Everything in which names are looked for."""
        yield from self.texts
        yield from self._surroundings

    def learn(self) -> None:
        """Look at everything that was gathered, and note what must go everywhere."""
        self._scanner.prepare(self.gathered)
        for text in self.texts:
            for span in self._scanner.spans(text):
                self._findings.learn(span, text[span.start : span.end])
        for text in self._surroundings:
            self._learn_around(text, self._scanner.spans(text))
        for text in self._surroundings_without_names:
            self._learn_around(text, self._rules.spans(text))

    def _learn_around(self, text: str, spans: Iterable[Span]) -> None:
        for span in spans:
            value = text[span.start : span.end]
            if not _BEYOND_LITERAL.search(value):
                self._findings.learn(span, value)

    def _surround(self, text: str) -> None:
        may_name = _CAPITALISED_VALUE.search(text) is not None
        (self._surroundings if may_name else self._surroundings_without_names).append(text)

    def _teach(self, text: str, rule: KeyRule | None) -> None:
        """Note what a key says about its value."""
        if rule is None or not _takes(rule, text, self._scanner):
            return
        if rule.names:
            self._findings.learn_name(text.strip(), rule.kind)
        elif rule.kind not in NAME_KINDS:
            self._findings.learn(_of_rule(rule, text.strip()), text.strip())

    def _look(self, text: str, layer: int) -> None:
        if text in self._seen:
            return
        self._seen.add(text)
        if json_edits(text, self) is not None:
            self._surround(text)
            return
        self.texts.append(text)
        if layer < _MAX_LAYERS:
            for encoded in encodings.find(text):
                self._teach(encoded.decoded, rule_for(encoded.key) if encoded.key else None)
                self._look(encoded.decoded, layer + 1)


class Redactor:
    """Visits every leaf and says how it must be rewritten."""

    field = ""

    def __init__(
        self, scanner: TextScanner, findings: Findings, replacer: Replacer, forbidden: TextScanner
    ) -> None:
        """`forbidden` finds what not even an identifier may hold."""
        self._scanner = scanner
        self._findings = findings
        self.replacer = replacer
        self._forbidden = forbidden
        self._memory: defaultdict[str, dict[KeyRule | None, Sequence[Edit]]] = defaultdict(dict)
        self._layer = 0

    def text(self, text: str, rule: KeyRule | None) -> Sequence[Edit]:
        """The edits after which nothing is found any more; filtering again is idle.

        A replacement can lay bare what stood glued to it, or turn a text into JSON: so it goes on until a round finds
        nothing. A text that never comes to rest is replaced as a whole.
        """
        known = self._memory[text].get(rule)
        if known is None:
            known = self._memory[text][rule] = self._settle(text, rule)
        return known

    def number(self, number: int | float, rule: KeyRule | None) -> Edit | None:
        """A number that its key, its checksum or another place of the trajectory tells to be private."""
        written = getattr(number, "written", None) or str(number)
        span: Span | None = None
        if rule is not None and rule.numbers and self._scanner.drops(rule.kind) and rule.accepts(written):
            span = _of_rule(rule, written)
        elif isinstance(number, int) and len(written) in _CARD_LENGTHS and is_card_number(written):
            span = Span(0, len(written), "card-number", label("card-number"), Order.IDENTITY)
        else:
            span = next(
                (found for found in self._findings.find(written) if found.end - found.start == len(written)),
                None,
            )
        if span is None or not self._scanner.drops(span.kind) or self._scanner.allows(written, span.kind):
            return None
        edit = self._edit(span._replace(start=0, end=len(written)), written)
        self._memory[written][rule] = [edit]
        return edit

    def explain(self, before: str, after: str) -> Sequence[Edit]:
        """The edits by which a leaf of this trajectory became another, in its final form."""
        for edits in self._memory[before].values():
            final = [edit._replace(replacement=self.replacer.finish(edit.replacement)) for edit in edits]
            if apply(before, final) == after:
                return final
        return ()

    def instructions(self, text: str) -> None:
        """Known from the survey."""

    def conversation(self, turns: Sequence[str]) -> None:
        """Turns are rewritten one by one."""

    def whole(self, value: Any) -> None:
        """Leaves are rewritten one by one."""

    def keeps(self, identifier: str) -> bool:
        """Whether an identifier holds no credential, no listed value and no name of this trajectory."""
        if self._forbidden.spans(identifier):
            return False
        return next(self._findings.find(mask_placeholders(identifier)), None) is None

    def _settle(self, text: str, rule: KeyRule | None) -> Sequence[Edit]:
        rewrite = Rewrite(text)
        for _ in range(_MAX_ROUNDS):
            edits = self._round(rewrite.text, rule)
            if not edits:
                return rewrite.edits
            rewrite.apply(edits)
        return [Edit(0, len(text), label(UNFILTERABLE), UNFILTERABLE, Tier.RULES)]

    def _round(self, text: str, rule: KeyRule | None) -> Sequence[Edit]:
        edits = json_edits(text, self)
        if edits is None:
            edits = [self._edit(span, text) for span in resolve(self._spans(text))]
        if rule is None or not _takes(rule, text, self._scanner) or only_placeholders(apply(text, edits)):
            return edits
        return [self._edit(_of_rule(rule, text), text)]

    def _spans(self, text: str) -> Iterator[Span]:
        for span in self._scanner.spans(text):
            value = text[span.start : span.end]
            if not self._findings.spares(span, value):
                self._findings.learn(span, value)
                yield span
        masked = mask_placeholders(text)
        for span in self._findings.find(masked):
            if self._scanner.drops(span.kind) and not self._scanner.allows(
                masked[span.start : span.end], span.kind
            ):
                yield span
        if self._layer < _MAX_LAYERS:
            yield from self._encoded(masked)

    def _encoded(self, text: str) -> Iterator[Span]:
        """Encoded stretches that hold something, each replaced by the encoding of what is left of it."""
        for encoded in encodings.find(text):
            self._layer += 1
            edits = self.text(encoded.decoded, rule_for(encoded.key) if encoded.key else None)
            self._layer -= 1
            if edits:
                first = edits[0]
                rewritten = encoded.encode(apply(encoded.decoded, edits))
                yield Span(encoded.start, encoded.end, first.kind, rewritten, Order.ENCODED, tier=first.tier)

    def _edit(self, span: Span, text: str) -> Edit:
        value = text[span.start : span.end]
        chosen = span.replacement if span.order is Order.ENCODED else self.replacer.replacement(span, value)
        return Edit(span.start, span.end, chosen, span.kind, span.tier)


def _takes(rule: KeyRule, text: str, scanner: TextScanner) -> bool:
    """Whether the rule of a key removes the string as a whole."""
    return (
        scanner.drops(rule.kind)
        and not only_placeholders(text)
        and rule.accepts(text)
        and parse(text) is None  # the leaves of JSON are looked at one by one
        and not scanner.allows(text, rule.kind)
    )


def _of_rule(rule: KeyRule, text: str) -> Span:
    return Span(0, len(text), rule.kind, rule.replacement, Order.ASSIGNMENT, tier=Tier.STRUCTURE)
