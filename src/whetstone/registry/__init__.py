"""The models that jobs have trained: what they are, where they lie, what is known of them."""
