"""`python -m backend.cli` is the `donewell` command."""

from backend.cli import main

if __name__ == "__main__":
    main()
