"""Watched training steps: norms, gradients and activations, layer by layer."""
