"""Building blocks of the networks, each the image of a figure or a row in its paper.

This room knows torch and nothing else: not which model uses a block, not what
data flows through it, not how it is trained.
"""
