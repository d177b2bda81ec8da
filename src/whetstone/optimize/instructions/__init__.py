"""instruction-search: better instructions, chosen together with the demonstrations that go with them."""
