"""Weights trained elsewhere: reading files, and matching names and shapes to a model's."""
