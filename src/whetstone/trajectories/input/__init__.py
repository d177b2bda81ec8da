"""What clients send, read leniently into records."""
