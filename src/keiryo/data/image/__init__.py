"""One image: decoding it, fitting it into a square, facts about it, corruptions of it."""
