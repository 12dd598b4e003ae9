"""Formats of image files: those that are read, and how a file of each is recognised."""

from pathlib import Path
from typing import Literal

# Suffix -> the name that Pillow gives to the format.
FORMATS = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".mpo"), "JPEG"),
    **dict.fromkeys((".png", ".apng"), "PNG"),
    **dict.fromkeys((".bmp", ".dib"), "BMP"),
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    **dict.fromkeys((".ppm", ".pgm", ".pbm", ".pnm", ".pfm"), "PPM"),
    **dict.fromkeys((".avif", ".avifs"), "AVIF"),
    **dict.fromkeys((".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"), "JPEG2000"),
    ".gif": "GIF",
    ".webp": "WEBP",
    ".tga": "TGA",
    ".psd": "PSD",
    ".pcx": "PCX",
    ".qoi": "QOI",
    ".sgi": "SGI",
    ".dds": "DDS",
}
IMAGE_SUFFIXES = frozenset(FORMATS)
# Pillow has two names for the same format.
SAME_FORMATS = {"MPO": "JPEG", "DIB": "BMP"}
# Pillow tries only these. Some of its others start programs or read files of numbers.
READ_FORMATS = (*dict.fromkeys(FORMATS.values()), *SAME_FORMATS, "ICO")
# Formats of images that no library of keiryo decodes, or only their thumbnail.
UNREAD_SUFFIXES = frozenset(
    f".{name}"
    for names in (
        "heic heif hif jxl jxr wdp exr hdr svg svgz eps ai xcf kra dcm dicom fits djvu",
        "dng cr2 cr3 crw nef nrw arw sr2 srf orf rw2 raf pef srw x3f 3fr raw",  # of cameras
    )
    for name in names.split()
)
# Copies that editors, browsers and other tools leave beside the files.
BACKUP_SUFFIXES = frozenset(
    f".{name}"
    for name in (
        "bak",
        "backup",
        "old",
        "orig",
        "tmp",
        "temp",
        "swp",
        "part",
        "partial",
        "download",
    )
)
SIGNATURE_BYTES = 64
SIGNATURES = (
    b"\xff\xd8\xff",  # JPEG
    b"\x89PNG\r\n\x1a\n",
    b"GIF87a",
    b"GIF89a",
    b"II*\0",  # TIFF
    b"MM\0*",
    b"\0\0\0\x0cjP  \r\n\x87\n",  # JPEG 2000
    b"\xff\x4f\xff\x51",
    b"8BPS",  # PSD
    b"qoif",
)
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
AVIF_BRANDS = (b"avif", b"avis")
JPEG_XL = (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")

FileKind = Literal["image", "unread", "other"]


def kind_of_file(path: Path) -> FileKind:
    """Return whether `path` is an image to read, one of a format that is not read, or neither.

    A file whose name does not say it, such as one without suffix, is judged by its first bytes.
    """
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        return "image"
    if suffix in UNREAD_SUFFIXES:
        return "unread"
    if suffix in BACKUP_SUFFIXES or path.name.endswith("~") or not path.is_file():
        return "other"
    try:
        with path.open("rb") as file:
            start = file.read(SIGNATURE_BYTES)
    except OSError:
        return "other"
    if name_of_unread(start):
        return "unread"
    is_image = start.startswith(SIGNATURES) or _brand(start) in AVIF_BRANDS or _is_webp(start)
    return "image" if is_image else "other"


def name_of_unread(data: bytes) -> str | None:
    """Return the name of the format that `data` begins as, if it is one that is not read."""
    brand = _brand(data)
    if brand in HEIF_BRANDS and not any(each in data[:SIGNATURE_BYTES] for each in AVIF_BRANDS):
        return "HEIC"
    if data.startswith(JPEG_XL[1]) or (data.startswith(JPEG_XL[0]) and len(data) > 2):
        return "JPEG XL"
    return None


def has_wrong_suffix(suffix: str, found: str | None) -> bool:
    """Return whether a file name with this suffix says another format than Pillow `found`."""
    promised = FORMATS.get(suffix.lower())
    return promised is not None and promised != SAME_FORMATS.get(found or "", found)


def _brand(data: bytes) -> bytes:
    return data[8:12] if data[4:8] == b"ftyp" else b""


def _is_webp(data: bytes) -> bool:
    return data.startswith(b"RIFF") and data[8:12] == b"WEBP"
