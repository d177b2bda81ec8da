"""Where a worker runs. One launcher today: a process on this machine (`local`)."""
