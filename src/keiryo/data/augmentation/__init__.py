"""Augmentation: its amounts, random numbers, and application on the processor or a device."""
