"""From a plan to a comparison: trials in processes of their own, then a ranking.

This room must never know the command line, nor how results are shown.
"""
