"""Counts of a run: operators traced on meta tensors, and the memory that they hold."""
