"""`python -m runtime` and `headrace`: the command line. See `runtime.cli`."""

from __future__ import annotations


def main() -> None:
    """Run the command that sys.argv names, and leave with its exit status."""
    from runtime.cli.main import run

    run()


if __name__ == "__main__":
    main()
