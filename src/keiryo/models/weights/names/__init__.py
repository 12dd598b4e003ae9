"""The names that torchvision and timm give to modules of keiryo's networks, a file a family."""
