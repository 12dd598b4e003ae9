"""The survey of a source, which reads each image once: facts, copies, near-copies, a split."""
