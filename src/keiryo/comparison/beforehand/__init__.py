"""The checks, choices and estimates before a comparison begins.

Options that the user left out are a pure function of the set, the candidates, the machine and the
budget. This room must never look at an accuracy, nor write a file.
"""
