"""The cost of each operator of PyTorch, from the shapes of its tensors."""
