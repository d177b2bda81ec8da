"""Histories that other programs wrote, read as trajectories: one module a format, records in constant memory."""

from whetstone.trajectories.importers.reading import Found, read
from whetstone.trajectories.importers.registry import FORMAT_NAMES
from whetstone.trajectories.importers.sources import Source, sources

__all__ = ["FORMAT_NAMES", "Found", "Source", "read", "sources"]
