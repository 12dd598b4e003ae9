"""Sources of recordings: sound files in a folder or listed by a CSV file, and the set `tones`."""
