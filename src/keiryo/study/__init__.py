"""Studies: each claim of the course about lightweight networks, shown by an experiment."""
