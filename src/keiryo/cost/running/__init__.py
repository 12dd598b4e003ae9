"""Counting by running: operators traced on meta tensors, and what they hold in memory."""
