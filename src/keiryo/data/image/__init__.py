"""Work on one image: decoding, fitting into a square, facts, corruptions."""
