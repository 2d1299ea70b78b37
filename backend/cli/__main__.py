"""`python -m backend.cli` is the `donewell` command."""

from backend.cli import main

main()
