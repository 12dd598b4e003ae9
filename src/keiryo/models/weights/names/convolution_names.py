"""The type of a naming, and the names of layers that stand together."""

from collections.abc import Iterator

# keiryo's name of a module, and another library's.
Names = Iterator[tuple[str, str]]


def convolution_with_norm(ours: str, convolution: str, norm: str) -> Names:
    """Yield the names of a convolution and of the norm that follows it."""
    yield f"{ours}.convolution", convolution
    yield f"{ours}.norm", norm
