"""Pretrained weights of a comparison: the option, the files, and what is checked beforehand."""
