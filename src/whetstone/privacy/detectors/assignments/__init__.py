"""Secrets that only the words around them give away: names of variables, labels of forms, phrases."""

from __future__ import annotations

from whetstone.privacy.detectors.assignments.assigned import AssignmentDetector

__all__ = ["AssignmentDetector"]
