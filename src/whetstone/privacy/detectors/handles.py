"""Handles such as `@alice`, profile links and Discord tags, for which an anonymizer knows an entity id.

Without an anonymizer handles stay: most words with an at-sign in code are not people (wire contract §11.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from whetstone.privacy.detectors.spans import Order, Span
from whetstone.privacy.replacement.anonymizer import PLATFORMS, Anonymizer

# Not a handle: a scoped package (`@types/node`), a call or decorator (`@app.get(`), an e-mail address.
_HANDLE = re.compile(r"(?<![\w@./+-])@(?P<handle>[A-Za-z0-9_.-]{2,}+)(?![/(\w@])")
# A decorator without arguments stands alone on its line, before a definition.
_DEFINITION = re.compile(
    r"[ \t]*\r?\n\s{0,40}(?:@|def\b|class\b|async\b|export\b|public\b|private\b|protected\b|static\b|final\b|abstract\b|func\b|fun\b"
    r"|val\b|var\b|let\b|const\b|struct\b|interface\b|enum\b|override\b|internal\b|open\b|data\b|void\b|int\b|String\b)"
)
# What follows a variable or an attribute: `@click="…"`, `@count += 1`, `@items.each do`, `@color: #fff;`
_ASSIGNED = re.compile(r"[ \t]?(?:[-+*/|&?]{0,2}=(?!=)|\[|\{|<<)|[ \t]do\b|:[ \t]?[^\n:]{1,80};")
_ASSIGNABLE_AFTER = re.compile(
    r"(?:\b(?:set|select|declare|exec|where|and|or)|[=,(+*<>&|!])[ \t]{1,4}\Z", re.IGNORECASE
)
_ASSIGNABLE_WINDOW = 12
_SQL = re.compile(r"\b(?:select|declare|exec|insert|update|where)\b", re.IGNORECASE)
_NUMERIC = re.compile(r"v?\d[\d.,]*(?:x|am|pm|k|m|h|s|ms|mm|px|hz|ghz|mhz|fps|p|nd|rd|th|st)?", re.IGNORECASE)
_MEDIA: Final = (
    r"(?:t\.me|telegram\.me|(?:www\.|mobile\.)?(?:twitter|x|instagram|facebook|github|gitlab|tiktok|threads|linkedin|reddit|medium|twitch|snapchat|youtube|patreon|vk)"
    r"\.(?:com|net|tv))"
)
_PROFILE = re.compile(
    rf"(?<![\w.@-]){_MEDIA}/(?:in/|u/|user/|users/|add/|c/|@)?@?(?P<handle>[A-Za-z0-9_.-]{{2,40}}+)(?=/?(?:[\s\"'<>)\],;!?]|\.(?:\s|\Z)|\Z))",
    re.IGNORECASE,
)
_REDDIT = re.compile(r"(?<![\w.:-])/?u/(?P<handle>[A-Za-z0-9_-]{3,20})(?![\w/-])")
_DISCORD = re.compile(r"(?<![\w#/&.-])(?P<handle>[A-Za-z][\w.]{1,31})#(?!0000)\d{4}(?![\w-])")
_PAGES: Final = frozenset(
    [
        "about", "login", "signup", "explore", "home", "search", "settings", "help", "jobs", "company",
        "topics", "pricing", "features", "marketplace", "trending", "security", "contact", "privacy",
        "terms", "share", "intent", "hashtag", "watch", "feed", "results", "playlist", "shorts", "reel",
        "reels", "stories", "p", "i", "pages", "groups", "events", "messages", "notifications", "status",
        "joinchat", "developers", "docs", "api", "blog", "orgs", "organizations", "sponsors", "r", "u",
        "user", "users", "in", "add", "c",
    ]
)  # fmt: skip
# Decorators, annotations, documentation tags, rules of style sheets, calls to a whole channel.
_WORDS: Final = frozenset(
    [
        "here", "channel", "everyone", "all", "room", "team", "group", "online", "param", "params",
        "parameter", "arg", "args", "argument", "return", "returns", "throws", "throw", "exception",
        "raises", "author", "since", "version", "deprecated", "see", "todo", "link", "linkplain", "code",
        "inheritdoc", "example", "examples", "type", "typedef", "template", "property", "prop",
        "callback", "function", "func", "method", "class", "constructor", "private", "protected",
        "public", "internal", "readonly", "override", "overrides", "default", "enum", "event", "fires",
        "listens", "module", "namespace", "extends", "implements", "interface", "abstract", "static",
        "async", "ignore", "hidden", "beta", "alpha", "experimental", "summary", "remarks",
        "description", "desc", "brief", "details", "file", "fileoverview", "overview", "license",
        "copyright", "note", "warning", "attention", "bug", "test", "tests", "testing", "pre", "post",
        "invariant", "var", "const", "let", "global", "yields", "yield", "generator", "mixin", "borrows",
        "memberof", "instance", "inner", "external", "media", "import", "charset", "font-face",
        "keyframes", "supports", "page", "layer", "container", "apply", "tailwind", "include", "extend",
        "use", "forward", "if", "else", "for", "each", "while", "debug", "error", "warn", "at-root",
        "content", "viewport", "counter-style", "starting-style", "scope", "screen", "variants",
        "responsive", "dataclass", "staticmethod", "classmethod", "abstractmethod", "cached_property",
        "lru_cache", "cache", "wraps", "contextmanager", "asynccontextmanager", "overload", "final",
        "no_type_check", "fixture", "pytest.fixture", "pytest.mark", "given", "settings", "app.route",
        "app.get", "app.post", "router.get", "router.post", "tool", "task", "celery.task",
        "click.command", "click.option", "click.group", "attr.s", "attr.ib", "attrs.define",
        "functools.wraps", "functools.cache", "functools.lru_cache", "property.setter", "before",
        "after", "beforeeach", "aftereach", "beforeall", "afterall", "autowired", "bean", "component",
        "service", "repository", "controller", "restcontroller", "requestmapping", "getmapping",
        "postmapping", "putmapping", "deletemapping", "pathvariable", "requestbody", "requestparam",
        "entity", "table", "column", "id", "value", "nullable", "notnull", "nonnull", "notblank",
        "suppresswarnings", "functionalinterface", "safevarargs", "transactional", "configuration",
        "springbootapplication", "inject", "singleton", "provides", "binds", "composable", "preview",
        "jvmstatic", "jvmoverloads", "jvmfield", "parcelize", "synchronized", "volatile", "data",
        "getter", "setter", "builder", "slf4j", "requiredargsconstructor", "allargsconstructor",
        "noargsconstructor", "tostring", "equalsandhashcode", "jsonproperty", "serializable", "state",
        "binding", "published", "observedobject", "stateobject", "environmentobject", "environment",
        "escaping", "autoclosure", "objc", "main", "mainactor", "available", "discardableresult",
        "viewbuilder", "ibaction", "iboutlet", "nsmanaged", "uiapplicationmain", "testable",
        "propertywrapper", "resultbuilder", "frozen", "inlinable", "implementation", "end", "selector",
        "synthesize", "dynamic", "protocol", "optional", "required", "try", "catch", "finally",
        "autoreleasepool", "encode", "click", "input", "change", "submit", "keyup", "keydown",
        "keypress", "focus", "blur", "mouseover", "mouseenter", "mouseleave", "scroll", "update",
        "close", "select", "injectable", "ngmodule", "directive", "pipe", "output", "hostlistener",
        "hostbinding", "viewchild", "viewchildren", "contentchild", "model", "html", "viewbag",
        "section", "renderbody", "foreach", "using", "layout", "latest", "next", "canary", "nightly",
        "stable", "master", "head", "rc", "dev", "ts-ignore", "ts-expect-error", "ts-nocheck", "flow",
        "jsx", "noflow", "vitest-environment", "jest-environment", "swagger", "api", "apiparam",
        "ts-check", "babel",
    ]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class HandleDetector:
    """At-sign and at least two of letters, digits, `_`, `.`, `-`; the id stands in for the handle."""

    anonymizer: Anonymizer
    kind: str = "handle"
    replacement: str = "<entity:…>"

    def find(self, text: str) -> Iterator[Span]:
        """Handles that the anonymizer knows."""
        ids: dict[str, str | None] = {}
        for start, end, handle in _handles(text):
            if handle not in ids:
                ids[handle] = self._resolve(handle)
            entity_id = ids[handle]
            if entity_id is not None:
                yield Span(start, end, self.kind, f"<entity:{entity_id}>", Order.HANDLE)

    def _resolve(self, handle: str) -> str | None:
        ids = (self.anonymizer.entity_id(platform, handle) for platform in PLATFORMS)
        return next((entity_id for entity_id in ids if entity_id), None)


def _handles(text: str) -> Iterator[tuple[int, int, str]]:
    """Where each handle stands and what it is; in a link only the name goes."""
    if "@" in text:
        for match in _HANDLE.finditer(text):
            handle = match["handle"].rstrip(".-")
            if len(handle) >= 2 and not _is_code(match, handle):
                yield match.start(), match.start("handle") + len(handle), handle
    if "/" in text:
        for match in _PROFILE.finditer(text):
            handle = match["handle"].rstrip(".-")
            if len(handle) >= 2 and handle.lower() not in _PAGES:
                yield match.start("handle"), match.start("handle") + len(handle), handle
        for match in _REDDIT.finditer(text):
            yield match.start("handle"), match.end("handle"), match["handle"]
    if "#" in text and "iscord" in text:
        for match in _DISCORD.finditer(text):
            yield match.start(), match.end(), match["handle"]


def _is_code(match: re.Match[str], handle: str) -> bool:
    """Decorators, tags, at-rules, variables, versions and times are nobody's handle."""
    text, end = match.string, match.start("handle") + len(handle)
    if handle.lower() in _WORDS or _NUMERIC.fullmatch(handle) or _ASSIGNED.match(text, end):
        return True
    if text[max(0, match.start() - 100) : match.start()].rstrip("\n").endswith("://"):
        return True  # The host of an address whose user and password were taken out.
    line_start = text.rfind("\n", max(0, match.start() - 200), match.start()) + 1
    before = text[max(line_start, match.start() - 200) : match.start()]
    if not before.strip():
        return _DEFINITION.match(text, match.end()) is not None
    if _ASSIGNABLE_AFTER.search(before[-_ASSIGNABLE_WINDOW:]) and _SQL.search(before):
        return True
    return handle.partition(".")[0].lower() in _WORDS and "." in handle
