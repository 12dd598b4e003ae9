"""From images and recordings to batches: folders, audit, splits, packs, augmentation.

This room must never know which network they are for or how it is trained.
"""
