"""The detectors, one small unit for each kind of private data."""

from __future__ import annotations
