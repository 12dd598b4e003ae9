"""Optimisers: Muon, averaged weights, and PyTorch's own without its compiler."""
