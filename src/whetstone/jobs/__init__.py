"""Training jobs: records, queue, worker processes, launchers, and the event log that everyone can follow.

Kept free of imports, so that a worker process starts without the parts that only the server needs.
"""
