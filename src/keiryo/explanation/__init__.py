"""Heat maps that show the places in an image that speak for a class.

This room must never know how a model was trained.
"""
