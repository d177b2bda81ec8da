"""bootstrap-fewshot: the demonstrations that teach a task best."""
