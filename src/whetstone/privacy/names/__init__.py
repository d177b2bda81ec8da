"""The names tier: persons, places, organisations and free-form addresses, found by small local models."""

from __future__ import annotations
