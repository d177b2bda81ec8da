"""The training loop that all engines share: steps, validation, checkpoints, progress."""
