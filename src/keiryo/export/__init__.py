"""Trained models as predictors and as files for other runtimes.

This room must never know how a model was trained.
"""
