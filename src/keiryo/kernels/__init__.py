"""Loops on the processor, compiled by Numba where PyTorch's operators pass over memory more
often than they must, or take longer to start than to compute.

A kernel knows of rows, channels and pointers alone: which layer it serves, and what is
derived from what, is known in `keiryo.nn` and `keiryo.audio`.
"""
