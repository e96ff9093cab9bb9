"""``python -m thermopolis``: the command line."""

from thermopolis.runs.cli import main

if __name__ == "__main__":
    main()
