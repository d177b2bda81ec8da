"""The rows of a job: what was asked, what the right answer is, and who may see it."""
