"""`python -m keiryo` is `keiryo`."""

import sys

EXIT_INTERRUPTED = 130


def run() -> None:
    """Run the command line; an interrupt while it is being loaded leaves no traceback."""
    try:
        from keiryo.cli.main import main
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    main()


if __name__ == "__main__":
    run()
