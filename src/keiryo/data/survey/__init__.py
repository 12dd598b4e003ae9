"""All images of a source read once: their facts, copies, near-copies, and a split."""
