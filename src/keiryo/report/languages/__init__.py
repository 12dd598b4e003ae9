"""The texts of pages in each language: a catalogue a language, with the same keys."""
