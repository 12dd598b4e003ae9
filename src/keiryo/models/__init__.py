"""The network families, a file each, that read like their papers' tables.

`spec` turns a name with options into a module, `saved` writes and reads trained
ones. This room must never know where images come from or how weights are found.
"""
