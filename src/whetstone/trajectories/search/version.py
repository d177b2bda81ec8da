"""The version of an index: another one is thrown away and built anew."""

from __future__ import annotations

import unicodedata

from whetstone.trajectories.search.documents import VERSION_OF_DOCUMENTS

VERSION = f"{VERSION_OF_DOCUMENTS}, Unicode {unicodedata.unidata_version}"
"""Which letters make a word depends on the version of Unicode too."""

MAX_TRAJECTORIES = 2000
"""Trajectories of a round of the indexer."""

MAX_CHARACTERS = 4_000_000
"""Characters after which a round takes no more trajectories."""

SLICE_TRAJECTORIES, SLICE_CALLS = 64, 128
"""What is read at once of either."""
