"""Sets of recordings: sources, conditions, audit, splits, packs and chunks.

This room must not depend on networks or on training.
"""
