"""Words of the scripted worlds and a hash that stands in for all chance."""

from __future__ import annotations

import hashlib
import random

DESKS = (
    "amber", "birch", "copper", "dahlia", "ember", "fennel", "garnet", "heron", "indigo", "jasper", "kestrel", "linen",
    "marble", "nettle", "opal", "poppy", "quartz", "rowan", "saffron", "thistle", "umber", "velvet", "walnut", "zephyr",
)  # fmt: skip
LABELS = ("ANCHOR", "BEACON", "CARGO", "DRIFT", "EDDY", "FATHOM")
GOODS = (
    "anvil", "basket", "candle", "drum", "engine", "feather", "guitar", "hammer", "inkpot", "jacket", "kettle", "ladder",
    "mirror", "needle", "oar", "pencil", "quilt", "rope", "saddle", "teapot", "urn", "violin", "wagon", "xylophone",
    "yarn", "zither", "barrel", "cradle", "dagger", "easel", "flute", "goblet", "helmet", "island", "jigsaw", "kite",
)  # fmt: skip
ORDINALS = ("first", "second", "third", "fourth", "fifth")
MANNERS = ("as it stands", "backwards", "in capitals")
PROCEDURES = tuple(f"the {ordinal} word {manner}" for manner in MANNERS for ordinal in ORDINALS)


def apply(procedure: str, goods: tuple[str, ...]) -> str:
    """What `procedure` makes of a row's words."""
    index = PROCEDURES.index(procedure)
    word = goods[index % len(ORDINALS)]
    manner = index // len(ORDINALS)
    return word if manner == 0 else word[::-1] if manner == 1 else word.upper()


def chance(*parts: object) -> float:
    """A number in [0, 1) that depends on `parts` alone."""
    digest = hashlib.blake2b("\x00".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def generator(*parts: object) -> random.Random:
    """A generator that depends on `parts` alone."""
    digest = hashlib.blake2b("\x00".join(map(str, parts)).encode(), digest_size=16).digest()
    return random.Random(int.from_bytes(digest))
