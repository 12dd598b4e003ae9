"""One trial: its job, its training in a process of its own, its evaluation, its folder."""
