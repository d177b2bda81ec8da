"""Base models by name: found, checked, and made into a folder that the frameworks load."""
