"""Weights learn too: LoRA on torch (cpu, cuda) and MLX, from a dataset to a model folder that others can load."""
