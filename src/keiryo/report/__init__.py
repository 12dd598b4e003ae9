"""From results to a page and images.

This room knows the records of `results` and nothing else: it never trains, measures or
reads images, so that any results can be shown anywhere.
"""
