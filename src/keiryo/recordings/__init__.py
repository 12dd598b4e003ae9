"""Sets of recordings: where they come from, what they are labelled by, their packs and chunks.

Recordings never import networks or trainings.
"""
