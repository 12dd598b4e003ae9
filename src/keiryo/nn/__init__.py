"""Building blocks of the networks, each written as a figure or a table row of its paper.

This room depends on torch and `keiryo.kernels` alone. It must never know which model uses a
block, what data flows through it, or how it is trained.
"""
