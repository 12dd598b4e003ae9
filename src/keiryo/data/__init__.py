"""From what the user has to batches: folders, audit, splits, packs, augmentation.

This room must never know which network the pictures are for or how it is trained.
"""
