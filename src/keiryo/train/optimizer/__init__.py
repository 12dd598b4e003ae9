"""Optimisers: Muon, weight averaging, and PyTorch's optimisers without its compiler."""
