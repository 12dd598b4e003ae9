"""Weights from elsewhere: reading files, and matching their names and shapes to a model's."""
