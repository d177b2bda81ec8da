"""Values that look real and are nobody's, one module per family.

Each inventor gets the real value and a `Draw`, which gives a source of chance for a part of that value: equal parts
get equal chances, so that a surname alone and in a full name become the same. None means that there is nothing good.
"""

from __future__ import annotations
