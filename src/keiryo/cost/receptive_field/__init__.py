"""Receptive fields, followed from operator to operator through a network."""
