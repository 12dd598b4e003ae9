"""The differences between candidates and between comparisons, in words."""
