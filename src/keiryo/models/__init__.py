"""The network families, a file each; each reads like the tables of its paper.

`spec` turns a name with options into a module; `saved` writes and reads trained models.
This room must never know where images come from or how weights are trained.
"""
