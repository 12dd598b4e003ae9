"""Options beyond the command line: those of a file, and completion by the shell."""
