"""WaveNets: their training, generation sample by sample, and export.

This room knows networks, kernels and sounds; never comparisons, reports or commands.
"""
