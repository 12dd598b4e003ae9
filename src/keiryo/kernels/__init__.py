"""Loops on the processor, compiled by Numba.

They replace PyTorch's operators where those pass over memory more often than needed, or take
longer to start than to compute. A kernel deals only with rows, channels and pointers; the
layers that use it are in `keiryo.nn` and `keiryo.audio`.
"""
