"""Batches of images and labels, on the processor or the device."""
