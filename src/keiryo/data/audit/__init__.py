"""Findings about a set of images: copies, leaks, imbalance, odd images."""
