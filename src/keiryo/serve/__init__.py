"""The HTTP service that classifies images with exported models, and its page.

It knows the runtime's predictor alone. It must never import PyTorch, training or networks: the
service runs where none of them is installed.
"""
