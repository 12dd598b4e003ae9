"""The command line: a thin file a command, which imports what it needs when it runs."""
