"""The sample agent: Fern, who answers for a plant shop, and the messages that people write to her."""
