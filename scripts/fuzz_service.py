"""Send malformed requests to a running service, and check that each is refused in words.

    keiryo serve model.onnx --port 8000 --max-mb 0.2
    python scripts/fuzz_service.py http://127.0.0.1:8000 --count 10000 --seed 1 --pid PID

Bodies are images, forms and JSON with bytes replaced, cut out, repeated and cut off; heads have odd
types, lengths and queries; some are not HTTP. A fault is an answer of 500 and above but 503, no
answer within a minute, a service that is gone, or a memory that grows by over a fifth after the
first thousand.
"""

import argparse
import base64
import http.client
import io
import json
import random
import socket
import sys
from collections import Counter
from urllib.parse import urlsplit

import numpy as np
import psutil
from PIL import Image

FORM = b'--b\r\nContent-Disposition: form-data; name="a"; filename="f"\r\n\r\n%s\r\n--b--\r\n'
KINDS = (
    "image/png", "image/jpeg", "application/octet-stream", "application/json",
    "multipart/form-data; boundary=b", "multipart/form-data", "multipart/form-data; boundary=",
    "application/json; charset=utf-16", "text/plain", "application/x-www-form-urlencoded", "",
    "multipart/form-data; boundary=b; charset=rot13", "image/\xff", "/;;=",
)  # fmt: skip
QUERIES = ("",) * 30 + ("?top=1", "?top=-1", "?top=1e9", "?model=no", "?model=", "?%ff=%00", "?&&=")
PATHS = ("/predict",) * 40 + ("/models", "/nothing", "//predict", "/predict/", "/%2e%2e/", "/\xff")
METHODS = ("POST",) * 40 + ("GET", "PUT", "HEAD", "BREW")
HEADS = (
    b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
)
LARGEST_GROWTH = 1.2
WARM_UP = 1000


def main() -> int:
    """Send the requests; return 0, or 1 if one of them was a fault."""
    parser = argparse.ArgumentParser(description="Send malformed requests to a service.")
    parser.add_argument("address", help="http address of the service")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pid", type=int, help="process of the service, for its memory")
    given = parser.parse_args()
    random_choices = random.Random(given.seed)
    address = urlsplit(given.address)
    host, port = address.hostname or "127.0.0.1", address.port or 80
    bodies = make_bodies()
    outcomes: Counter[str] = Counter()
    memories: list[int] = []
    for number in range(given.count):
        if number % 20 == 0:
            outcome = send_head(host, port, random_choices.choice(HEADS))
        else:
            outcome = send_request(host, port, random_choices, bodies)
        outcomes[outcome] += 1
        if given.pid and number % 100 == 0 and number >= WARM_UP:
            memories.append(psutil.Process(given.pid).memory_info().rss)
    for outcome, count in outcomes.most_common():
        print(f"{count:6}  {outcome}")
    faults = sum(count for outcome, count in outcomes.items() if outcome.startswith("FAULT"))
    if memories:
        growth = max(memories) / memories[0]
        print(f"memory {memories[0] / 1e6:.0f} MB, at most {max(memories) / 1e6:.0f} MB")
        faults += growth > LARGEST_GROWTH
    print(f"{faults} faults")
    return int(faults > 0)


def make_bodies() -> list[bytes]:
    """Return valid bodies: images of several kinds, a form and JSON."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    images: list[bytes] = []
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM"):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, kind)
        images.append(file.getvalue())
    encoded = [base64.b64encode(image).decode() for image in images]
    return [
        *images,
        FORM % images[0],
        FORM % images[1],
        json.dumps({"images": encoded}).encode(),
        json.dumps({"images": encoded[:1]}).encode(),
        b"[" * 100_000,
        b'{"images":' * 5_000,
        b"",
    ]


def mutate(body: bytes, choices: random.Random) -> bytes:
    """Return `body` with some of its bytes replaced, cut out, repeated or cut off."""
    damaged = bytearray(body)
    for _ in range(choices.randrange(4)):
        place = choices.randrange(len(damaged) + 1)
        length = choices.choice((1, 2, 4, 30, 1000))
        action = choices.randrange(5)
        if action == 0:
            damaged[place : place + length] = choices.randbytes(length)
        elif action == 1:
            del damaged[place : place + length]
        elif action == 2:
            damaged[place:place] = damaged[place : place + length] * choices.randrange(1, 40)
        elif action == 3:
            del damaged[place:]
        else:
            damaged[place : place + 4] = choices.choice(
                (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\0\0\xff\xff")
            )
    return bytes(damaged)


def send_request(host: str, port: int, choices: random.Random, bodies: list[bytes]) -> str:
    """Send a request with a damaged body; return the status and the code of its answer."""
    body = mutate(choices.choice(bodies), choices)
    target = choices.choice(PATHS) + choices.choice(QUERIES)
    headers = {"Content-Type": choices.choice(KINDS).encode("latin-1")}
    method = choices.choice(METHODS)
    content = body if choices.randrange(4) else iter([body[:50], body[50:]])  # in chunks
    client = http.client.HTTPConnection(host, port, timeout=60)
    client._validate_path = lambda url: None  # pyright: ignore
    client._encode_request = lambda request: request.encode("latin-1")  # pyright: ignore
    try:
        client.request(
            method, target, content, headers, encode_chunked=not isinstance(content, bytes)
        )
        answer = client.getresponse()
        text = answer.read()
    except (BrokenPipeError, ConnectionResetError):
        return "closed while the body was sent"  # as after a head that is no HTTP
    except (OSError, http.client.HTTPException) as error:
        return f"FAULT no answer: {type(error).__name__}"
    finally:
        client.close()
    if answer.status >= 500 and answer.status != 503:
        return f"FAULT {answer.status}"
    try:
        code = json.loads(text).get("error", "")
    except ValueError:
        code = ""
    return f"{answer.status} {code}"


def send_head(host: str, port: int, head: bytes) -> str:
    """Send bytes that are no whole request; return what came back."""
    with socket.create_connection((host, port), timeout=60) as client:
        client.sendall(head)
        client.shutdown(socket.SHUT_WR)
        try:
            first = client.recv(100)
        except ConnectionError:
            return "no HTTP: closed"
    status = first.split(b" ")[1:2]
    if status and status[0] >= b"500":
        return f"FAULT {status[0].decode('latin-1')}"
    return f"no HTTP: {status[0].decode('latin-1') if status else 'closed'}"


if __name__ == "__main__":
    sys.exit(main())
