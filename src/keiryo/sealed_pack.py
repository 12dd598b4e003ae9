"""Checksums that tell a damaged pack from a whole one."""

import xxhash


def row_checksum(pixels: bytes | memoryview) -> str:
    """Return what tells a damaged row from a whole one, at the speed of memory."""
    return xxhash.xxh3_64_hexdigest(pixels)
