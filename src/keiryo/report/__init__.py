"""Pages and images made from results.

This room knows only records: it never trains, measures or reads images, so any results can be
shown on any machine.
"""
