"""Images made by Matplotlib: curves, spectrograms, charts for documents."""
