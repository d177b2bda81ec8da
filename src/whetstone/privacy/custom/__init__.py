"""What the operator adds to the rules: words that are always private, values that never are, patterns of their own."""

from __future__ import annotations
