"""`python -m keiryo` is `keiryo`."""

from keiryo.cli.main import main

if __name__ == "__main__":
    main()
