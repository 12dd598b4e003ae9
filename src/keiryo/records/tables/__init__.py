"""Records as tables: for `print`, for notebooks, for pandas."""
