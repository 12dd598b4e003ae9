"""Export of a WaveNet: one step of it as an ONNX file."""
