"""The write path: changes of many requests are merged in memory and written in one transaction."""
