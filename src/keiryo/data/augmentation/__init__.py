"""Augmentation: how much, the random numbers, and applying them on processor or device."""
