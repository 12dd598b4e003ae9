"""Trained models as predictors.

This room must never know how a model was trained.
"""
