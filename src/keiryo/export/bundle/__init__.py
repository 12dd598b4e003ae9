"""The parts of a bundle that run an exported model where neither keiryo nor PyTorch is."""
