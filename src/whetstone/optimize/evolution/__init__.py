"""prompt-evolution: reflects on failures, keeps a Pareto front of prompts, and validates in stages."""
