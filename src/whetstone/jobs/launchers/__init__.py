"""Where a worker runs: a process of this machine (`local`), or one of a Ray cluster (`ray`)."""
