"""From rows of a dataset to batches of token ids, the same for every framework."""
