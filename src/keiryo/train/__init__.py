"""Recipe, loop, checkpoint and diagnosis: from a network and batches to trained weights.

This room must not know about comparing networks or about showing results.
"""
