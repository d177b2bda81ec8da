"""The promotion gate: is the candidate better than what runs today, beyond luck?"""
