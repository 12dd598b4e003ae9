"""Measurements of this machine that join several rooms: speed, training steps, generation."""
