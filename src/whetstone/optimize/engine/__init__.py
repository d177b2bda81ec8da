"""What every optimizer stands on: candidates, their evaluation, the journal and the ledger."""
