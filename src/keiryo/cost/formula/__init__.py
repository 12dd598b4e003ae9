"""Closed formulas: one for each kind of layer, with its source."""
