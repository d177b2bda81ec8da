"""What keeps a store in order: deletion, expiry, retention, the check of what is derived."""
