"""Recipe, loop, checkpoint and diagnosis: from a network and batches to trained weights.

This room must never know that there are other networks to compare with, nor how
results are shown.
"""
