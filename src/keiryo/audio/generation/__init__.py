"""Generation of sound from a WaveNet: compiled, buffered, naive, or as a CUDA graph."""
