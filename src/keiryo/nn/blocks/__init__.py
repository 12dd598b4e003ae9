"""Blocks of several layers: residual, inverted residual, dense, shuffle, squeeze-and-excitation."""
