"""What a job leaves: the model folder with its adapter, GGUF files, recipe and card."""
