"""Tables for the terminal: a file for each kind of record."""
