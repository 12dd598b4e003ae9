"""Packs: images decoded once into a memory-mapped file."""
