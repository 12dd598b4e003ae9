"""Latency and memory on this machine: after warm-up, as medians, in a process of its own.

This room must never know how a model was trained.
"""
