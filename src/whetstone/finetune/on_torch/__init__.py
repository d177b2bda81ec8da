"""The engine on PyTorch, for the backends cpu and cuda."""
