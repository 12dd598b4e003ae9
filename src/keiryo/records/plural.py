"""Numbers with their nouns, in findings and messages."""


def counted(count: int, one: str, many: str) -> str:
    """Return a number with the words that go with it."""
    return f"{count} {one if count == 1 else many}"
