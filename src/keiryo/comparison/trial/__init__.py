"""One trial: its training, its process, the process that follows it, and its folder."""
