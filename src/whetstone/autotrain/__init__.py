"""When training starts by itself."""
