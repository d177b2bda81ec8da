"""Randomness that a resumed run repeats exactly: every draw is derived, no generator state is ever stored."""

from __future__ import annotations

import hashlib
import random


def derived(seed: int, step: str, purpose: str) -> random.Random:
    """A generator that depends on the job's seed, the step and the purpose, and on nothing that happened before."""
    digest = hashlib.sha256(f"{seed}\x00{step}\x00{purpose}".encode()).digest()
    return random.Random(int.from_bytes(digest))


def stable_order(seed: int, purpose: str, identifier: str) -> str:
    """A sort key that shuffles rows by their id alone, so that adding a row moves no other."""
    return hashlib.sha256(f"{seed}\x00{purpose}\x00{identifier}".encode()).hexdigest()
