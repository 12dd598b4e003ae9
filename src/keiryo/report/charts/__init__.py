"""The charts of pages: the figures of records, drawn with the parts of `svg`."""
