import pytest

from keiryo.sentences import disk_space


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (400_000, "400 kB"), (2_871_234, "2.87 MB"), (15_000_000_000, "15 GB")],
)
def test_a_disk_that_is_nearly_full_has_some_space(size: int, text: str) -> None:
    assert disk_space(size) == text
