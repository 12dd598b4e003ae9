"""The images of a comparison: opened, continued with, split."""
