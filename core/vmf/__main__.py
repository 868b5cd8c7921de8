"""`python -m vmf` is `vmf`."""

from vmf.cli import program

program()
