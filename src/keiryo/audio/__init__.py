"""Sound from a WaveNet, sample by sample: as fast as the processor allows, and plainly.

This room knows networks, kernels and sounds; never comparisons, reports or commands.
"""
