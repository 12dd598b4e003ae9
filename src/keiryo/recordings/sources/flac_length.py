"""The length of a FLAC file that was written to a pipe, and so does not give it in its header.

RFC 9639. Its last frame says which it is and how long, and a checksum says that it is one.
"""

import os
from functools import cache
from typing import BinaryIO

# The total of samples: the last 36 bits of these bytes of the stream's first block.
TOTAL_PLACE, TOTAL_BYTES, TOTAL_BITS = 21, 5, 36
FIRST_BLOCK_BYTES = 42
SYNC = b"\xff"
SYNC_SECOND = (0xF8, 0xF9)  # of frames that are numbered, or whose samples are
LARGEST_FRAME_BYTES = 1 << 20
# Of a file that only looks like FLAC, so that it does not take long.
MOST_CHECKED_BYTES = 4 << 20
SHORTEST_HEADER = 6
CHECKSUM_POLYNOMIAL = 0x8005


def mended_length(file: BinaryIO) -> tuple[int, bytes] | None:
    """Return the place of the missing length and the right bytes; None if it is there.

    None, too, if the last frame is not whole.
    """
    file.seek(0)
    head = file.read(FIRST_BLOCK_BYTES)
    if len(head) < FIRST_BLOCK_BYTES:
        return None
    field = int.from_bytes(head[TOTAL_PLACE : TOTAL_PLACE + TOTAL_BYTES], "big")
    if field % (1 << TOTAL_BITS):
        return None
    size = file.seek(0, os.SEEK_END)
    file.seek(max(FIRST_BLOCK_BYTES, size - LARGEST_FRAME_BYTES))
    samples = _samples_to_end(file.read(), int.from_bytes(head[8:10], "big"))
    if not 0 < samples < 1 << TOTAL_BITS:
        return None
    return TOTAL_PLACE, (field | samples).to_bytes(TOTAL_BYTES, "big")


def _samples_to_end(tail: bytes, smallest_block: int) -> int:
    """Return the number of samples up to the end of the last frame in `tail`; 0: not found."""
    place, checked = len(tail), 0
    while (place := tail.rfind(SYNC, 0, place)) >= 0 and checked < MOST_CHECKED_BYTES:
        frame = tail[place:]
        if len(frame) <= SHORTEST_HEADER or frame[1] not in SYNC_SECOND:
            continue
        found = _read_header(frame)
        if found is None:
            continue
        checked += len(frame)
        if _checksum(frame[:-2]) == int.from_bytes(frame[-2:], "big"):
            number, block = found
            return number * (smallest_block if frame[1] == SYNC_SECOND[0] else 1) + block
    return 0


def _read_header(frame: bytes) -> tuple[int, int] | None:
    """Return the number of a frame, or of its first sample, and its length in samples."""
    number, place = _read_number(frame, 4)
    if place == 0 or len(frame) < place + 3:
        return None
    code = frame[2] >> 4
    if code == 6:
        return number, frame[place] + 1
    if code == 7:
        return number, int.from_bytes(frame[place : place + 2], "big") + 1
    if code == 0:
        return None
    return number, 192 if code == 1 else 144 << code if code < 6 else 1 << code


def _read_number(data: bytes, place: int) -> tuple[int, int]:
    """Return a number coded as UTF-8 is, of up to 36 bits, and the place behind it; 0: none."""
    first = data[place]
    ones = next((bit for bit in range(8) if not first & 0x80 >> bit), 8)
    if ones == 0:
        return first, place + 1
    more = data[place + 1 : place + ones]
    if ones in (1, 8) or len(more) < ones - 1 or any(byte >> 6 != 2 for byte in more):
        return 0, 0
    number = first & 0x7F >> ones
    for byte in more:
        number = number << 6 | byte & 0x3F
    return number, place + ones


@cache
def _checksums_of_bytes() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte << 8
        for _ in range(8):
            value = value << 1 ^ (CHECKSUM_POLYNOMIAL if value & 0x8000 else 0)
        table.append(value & 0xFFFF)
    return tuple(table)


def _checksum(data: bytes) -> int:
    """Return the cyclic redundancy check of a frame, 16 bits."""
    table, value = _checksums_of_bytes(), 0
    for byte in data:
        value = (value << 8 & 0xFFFF) ^ table[value >> 8 ^ byte]
    return value
