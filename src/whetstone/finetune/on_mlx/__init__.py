"""Fine-tuning on MLX: Apple's GPUs through Metal, and MLX's CPU build on Linux. Only `engine` and below import MLX."""
