"""The images in the body of a request: raw bytes, a form of files, or JSON with base64."""

import json
from typing import Any

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from keiryo.serve.limits import Limits, RefusalError

RAW = "application/octet-stream"
CURLS_RAW = "application/x-www-form-urlencoded"  # what curl calls any body
IMAGES = "images"
# A list of a few texts needs few of these signs. Millions of empty lists in 20 MB would take a GB.
SIGNS = b'[{,:"'
SIGNS_PER_IMAGE = 8
SIGNS_AROUND = 64


class InMemoryParser(MultiPartParser):
    """Starlette's parser of forms, which keeps files in memory: their bytes are limited already."""

    spool_max_size = 0  # no limit, for a spooled file


async def read_images(request: Request, limits: Limits) -> list[bytes | str]:
    """Return the images of a request: bytes of files, or base64 that is not decoded yet.

    Raises RefusalError for a body of another form, and for none or too many images.
    """
    kind = request.headers.get("content-type", RAW).partition(";")[0].strip().lower()
    images: list[bytes | str]
    try:
        if kind == "multipart/form-data":
            images = await _read_form(request, limits)
        elif kind == "application/json":
            images = _parse_json(await request.body(), limits)
        elif kind in (RAW, CURLS_RAW) or kind.startswith("image/"):
            images = [await request.body()]
        else:
            raise RefusalError(
                415,
                "content_type",
                "send multipart/form-data, application/json, image/* or application/octet-stream",
            )
    except ClientDisconnect:
        raise RefusalError(400, "left", "the client left") from None
    if not images or not any(images):
        raise RefusalError(400, "no_image", "the request has no image")
    if len(images) > limits.images:
        raise _too_many(limits)
    return images


async def _read_form(request: Request, limits: Limits) -> list[bytes | str]:
    parser = InMemoryParser(
        request.headers,
        request.stream(),
        max_files=limits.images,
        max_fields=limits.images,
        max_part_size=limits.request_bytes,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        if error.message.startswith("Too many"):
            raise _too_many(limits) from None
        raise RefusalError(400, "form", "the form is damaged") from None
    except (UnicodeError, ValueError, LookupError):
        raise RefusalError(400, "form", "the form is damaged") from None
    try:
        values = [value for _, value in form.multi_items()]
        files = [value for value in values if isinstance(value, UploadFile)]
        if len(files) < len(values):
            raise RefusalError(
                400, "form", "each part of the form must be a file, with a file name"
            )
        return [file.file.read() for file in files]
    finally:
        await form.close()


def _parse_json(body: bytes, limits: Limits) -> list[bytes | str]:
    if sum(map(body.count, SIGNS)) > SIGNS_AROUND + SIGNS_PER_IMAGE * limits.images:
        raise RefusalError(400, "json", "the JSON has too many values")
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise RefusalError(400, "json", "the body is not JSON in UTF-8") from None
    images = document.get(IMAGES) if isinstance(document, dict) else None
    if not isinstance(images, list) or set(document) != {IMAGES}:
        raise RefusalError(400, "json", 'give {"images": ["BASE64", ...]}')
    if not all(isinstance(image, str) for image in images):
        raise RefusalError(400, "json", "each image must be a text, its file in base64")
    return images


def _too_many(limits: Limits) -> RefusalError:
    return RefusalError(413, "images", f"a request has at most {limits.images} images")
