"""Pretrained weights of a comparison: the files, and what is checked beforehand."""
