"""What takes the place of private data: labels, numbered pseudonyms, hashed handles, surrogates."""

from __future__ import annotations
