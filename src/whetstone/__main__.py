"""`python -m whetstone` is the command `whetstone`."""

from whetstone.cli import app

app()
