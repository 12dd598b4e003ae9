"""Closed formulas: one a kind of layer, with its source."""
