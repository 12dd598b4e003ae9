"""From results to a page and pictures.

This room knows the records of `results` and nothing else: it never trains, measures or
reads pictures, so that any results can be shown anywhere.
"""
