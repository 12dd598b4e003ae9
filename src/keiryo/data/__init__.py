"""From images to batches: sources, audit, splits, packs, augmentation.

This room must not depend on networks or on training.
"""
