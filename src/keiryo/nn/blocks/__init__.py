"""Blocks of several layers: inverted residual, residual, dense, shuffled, squeeze-and-excitation."""
