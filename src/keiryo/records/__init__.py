"""The records that cross rooms and go to disk as JSON.

Every number has its unit in its name. Records import neither torch nor numpy.
"""
