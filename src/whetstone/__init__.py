"""Whetstone sharpens an agent on its own work."""

__version__ = "0.1.0"
