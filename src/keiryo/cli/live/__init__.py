"""The display of a terminal while a command runs: lines, a bar, the time left."""
