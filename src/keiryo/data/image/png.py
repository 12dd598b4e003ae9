"""PNG files without what libpng would remark on."""

import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# What decides the pixels, and EXIF, which says how they are turned. OpenCV's libpng writes a line
# to standard error for a fault in any other chunk, such as a short ICC profile.
KEPT_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"eXIf")
END = b"IEND"


def without_remarks(data: bytes) -> bytes | None:
    """Return the PNG `data` with only the chunks that decide its pixels; any other file as it is.

    Returns None for a PNG that is cut off or has a wrong checksum in such a chunk.
    """
    if not data.startswith(SIGNATURE):
        return data
    kept: list[bytes | memoryview] = [SIGNATURE]
    place = len(SIGNATURE)
    view = memoryview(data)
    while place + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + 12 + length
        if end > len(data):
            return None
        if kind in KEPT_CHUNKS:
            (checksum,) = struct.unpack_from(">I", data, end - 4)
            if zlib.crc32(view[place + 4 : end - 4]) != checksum:
                return None
            kept.append(view[place:end])
        place = end
        if kind == END:
            return b"".join(kept)
    return None
