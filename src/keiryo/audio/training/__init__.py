"""Training a WaveNet: its objective, batches, evaluation and diagnosis."""
