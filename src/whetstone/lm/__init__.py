"""Language models: one async client for any OpenAI-compatible endpoint and for the embedded local model."""
