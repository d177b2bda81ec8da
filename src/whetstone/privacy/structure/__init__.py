"""Walking documents: what is structure, what is content, and what a key says about its value."""

from __future__ import annotations
