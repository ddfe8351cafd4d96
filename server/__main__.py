"""`python -m server` is the `fangpin` command."""

from server.cli import main

main()
