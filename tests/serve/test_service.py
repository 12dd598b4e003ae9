"""The service answers images in every form, within its limits, and says nothing of itself."""

import asyncio
import base64
import hashlib
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from starlette import testclient

from keiryo.serve.counters import Counters
from keiryo.serve.guard import Guard
from keiryo.serve.limits import Limits
from keiryo.serve.service import Service, Serving
from serve.color_model import encode, encode_noise, write_color_model

Client = Any
KEY = "0123456789abcdef0123"
LOG: list[str] = []


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_color_model(tmp_path_factory.mktemp("served") / "colors" / "model.onnx")


@pytest.fixture
def start(artifact: Path) -> Iterator[Callable[..., Client]]:
    services: list[Service] = []

    def begin(*artifacts: str, keys: Path | None = None, local: bool = True, **limits: Any) -> Any:
        serving = Serving(
            artifacts or (str(artifact),),
            keys_file=keys,
            local=local,
            limits=replace(Limits(), **limits),
        )
        services.append(Service(serving, LOG.append))
        return testclient.TestClient(services[-1], base_url="http://127.0.0.1")

    LOG.clear()
    yield begin
    for service in services:
        service.close()


def best(answer: Any) -> list[str]:
    """Return the likeliest class of each image by the first model, or the error."""
    return [
        result.get("error") or result["answers"][0]["labels"][0]["label"]
        for result in answer.json()["results"]
    ]


def test_every_form_of_a_request_gets_the_same_answer(start: Callable[..., Client]) -> None:
    client = start()
    red, blue = encode("red"), encode("blue", kind="JPEG")
    files = [("image", ("a.png", red)), ("image", ("b.jpg", blue))]
    encoded = [base64.b64encode(red).decode(), "data:;base64," + base64.b64encode(blue).decode()]
    form = client.post("/predict?top=2", files=files)
    document = client.post("/predict?top=2", json={"images": encoded})
    raw = client.post("/predict?top=2", content=red, headers={"content-type": "image/png"})
    bare = client.post("/predict?top=2", content=red)
    curls = {"content-type": "application/x-www-form-urlencoded"}
    assert best(client.post("/predict", content=red, headers=curls)) == ["red"]
    assert [answer.status_code for answer in (form, document, raw, bare)] == [200] * 4
    assert best(form) == best(document) == ["red", "blue"]
    assert best(raw) == best(bare) == ["red"]
    (result,) = raw.json()["results"]
    labels = result["answers"][0]["labels"]
    assert len(labels) == 2
    assert labels[0]["probability"] == pytest.approx(1)
    assert result["read_ms"] > 0
    assert result["answers"][0]["latency_ms"] > 0


def test_an_unreadable_image_does_not_hinder_the_others(start: Callable[..., Client]) -> None:
    client = start()
    files = [("image", ("a", encode("red"))), ("image", ("b", b"text"))]
    answer = client.post("/predict", files=files)
    assert answer.status_code == 200
    assert best(answer) == ["red", "not an image of a known format"]
    alone = client.post("/predict", content=encode_noise(40)[:-3000])
    assert alone.status_code == 422
    assert best(alone) == ["damaged"]


def test_several_models_answer_by_name(start: Callable[..., Client], artifact: Path) -> None:
    other = write_color_model(artifact.parents[1] / "other.onnx", ("rot", "grün", "blau"))
    client = start(str(artifact), f"german={other}")
    assert [model["name"] for model in client.get("/models").json()["models"]] == [
        "colors",
        "german",
    ]
    everything = client.post("/predict", content=encode("lime")).json()["results"][0]["answers"]
    assert [(one["model"], one["labels"][0]["label"]) for one in everything] == [
        ("colors", "green"),
        ("german", "grün"),
    ]
    assert best(client.post("/predict?model=german", content=encode("lime"))) == ["grün"]
    assert client.post("/predict?model=french", content=encode("lime")).status_code == 404


@pytest.mark.parametrize(
    ("path", "request_", "status", "code"),
    [
        ("/predict", {"content": b"x" * 2001}, 413, "bytes"),
        ("/predict", {"files": [("image", ("a", b"x" * 2001))]}, 413, "bytes"),
        ("/predict", {"files": [("image", (str(n), b"x")) for n in range(4)]}, 413, "images"),
        ("/predict", {"json": {"images": ["aa"] * 4}}, 413, "images"),
        ("/predict", {"json": {"images": []}}, 400, "no_image"),
        ("/predict", {"content": b""}, 400, "no_image"),
        ("/predict", {"json": {"images": [1]}}, 400, "json"),
        ("/predict", {"json": {"image": "aa"}}, 400, "json"),
        ("/predict", {"json": [[]] * 300}, 400, "json"),
        (
            "/predict",
            {"content": b"\xff{", "headers": {"content-type": "application/json"}},
            400,
            "json",
        ),
        (
            "/predict",
            {"content": b"x", "headers": {"content-type": "text/plain"}},
            415,
            "content_type",
        ),
        ("/predict", {"data": {"a": "b"}, "files": [("image", ("a", b"x"))]}, 400, "form"),
        (
            "/predict",
            {"content": b"--x", "headers": {"content-type": "multipart/form-data"}},
            400,
            "form",
        ),
        ("/predict?top=0", {"content": b"x"}, 400, "top"),
        ("/predict?top=²", {"content": b"x"}, 400, "top"),
        ("/predict?tops=1", {"content": b"x"}, 400, "query"),
        ("/predict/x", {"content": b"x"}, 404, "path"),
    ],
)
def test_what_is_refused(
    start: Callable[..., Client], path: str, request_: dict[str, Any], status: int, code: str
) -> None:
    answer = start(request_bytes=2000, images=3).post(path, **request_)
    assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert answer.headers["cache-control"] == "no-store"


def test_a_full_queue_says_when_to_come_again(start: Callable[..., Client]) -> None:
    client = start(waiting=1)
    files = [("image", (name, encode("red"))) for name in "ab"]
    full = client.post("/predict", files=files)
    assert full.status_code == 503
    assert int(full.headers["retry-after"]) >= 1
    assert client.post("/predict", files=files[:1]).status_code == 200


def test_keys_are_asked_for(start: Callable[..., Client], tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"# for the tests\n{KEY}\nanother-key-of-20-ch\n")
    client = start(keys=keys, local=False)
    for headers, status in (
        ({}, 401),
        ({"authorization": f"Bearer {KEY}x"}, 401),
        ({"authorization": f"Bearer {KEY}"}, 200),
        ({"x-api-key": "another-key-of-20-ch"}, 200),
    ):
        for path in ("/models", "/metrics"):
            assert client.get(path, headers=headers).status_code == status
        answer = client.post("/predict", content=encode("red"), headers=headers)
        assert answer.status_code == status
    assert client.get("/ready").status_code == client.get("/").status_code == 200
    assert client.get("/models").headers["www-authenticate"] == "Bearer"
    assert "401" in client.get("/openapi.json").json()["paths"]["/predict"]["post"]["responses"]


def test_web_pages_elsewhere_cannot_use_a_service_of_this_machine(
    start: Callable[..., Client],
) -> None:
    client = start()
    for host, status in (("evil.example", 403), ("localhost:8000", 200), ("[::1]:8000", 200)):
        assert client.get("/models", headers={"host": host}).status_code == status
    open_to_all = start(local=False)
    assert open_to_all.get("/models", headers={"host": "evil.example"}).status_code == 200


def test_a_rate_is_kept(start: Callable[..., Client]) -> None:
    client = start(rate=0.5)
    assert client.get("/models").status_code == 200
    second = client.get("/models")
    assert second.status_code == 429
    assert second.headers["retry-after"] == "2"
    assert client.get("/health").status_code == 200


def bomb(width: int, height: int) -> bytes:
    """Return a small PNG file whose header promises this size."""
    file = io.BytesIO()
    Image.new("L", (1, 1)).save(file, "PNG")
    data = bytearray(file.getvalue())
    data[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    return bytes(data)


def test_too_many_pixels_are_refused_undecoded(start: Callable[..., Client]) -> None:
    client = start(pixels=10_000)
    said = "60000 x 60000 pixels; at most 0.01 million are taken"
    assert best(client.post("/predict", content=bomb(60_000, 60_000))) == [said]
    file = io.BytesIO()
    Image.new("RGB", (64, 64)).save(file, "JPEG", progressive=True)
    scans = file.getvalue()
    place = scans.rfind(b"\xff\xda")
    passes = client.post("/predict", content=scans[:place] + scans[place:-2] * 120 + scans[-2:])
    assert best(passes) == ["a JPEG of more than 100 scans"]


def test_files_can_be_replaced_while_it_serves(artifact: Path, tmp_path: Path) -> None:
    file = write_color_model(tmp_path / "swap.onnx")
    lines: list[str] = []
    service = Service(Serving((str(file),)), lines.append)
    client = testclient.TestClient(service, base_url="http://127.0.0.1")
    file.write_bytes(b"half a file")
    service.reload()
    assert best(client.post("/predict", content=encode("red"))) == ["red"]
    write_color_model(file, ("rot", "grün", "blau"))
    service.reload()
    assert best(client.post("/predict", content=encode("red"))) == ["rot"]
    assert [line.split(":")[0] for line in lines] == [
        "not reloaded, the old models stay",
        "reloaded",
    ]
    service.drain()
    assert client.get("/ready").status_code == 503
    assert best(client.post("/predict", content=encode("red"))) == ["rot"]
    service.close()


def test_metrics_count_requests_and_images(start: Callable[..., Client]) -> None:
    client = start()
    client.post("/predict", files=[("image", ("a", encode("red"))), ("image", ("b", b"text"))])
    client.post("/predict?top=0")
    client.get("/no/such/path")
    lines = client.get("/metrics").text.splitlines()
    for line in (
        'keiryo_requests_total{path="/predict",status="200"} 1.0',
        'keiryo_requests_total{path="other",status="404"} 1.0',
        'keiryo_images_total{model="colors"} 1.0',
        "keiryo_unreadable_images_total 1.0",
        'keiryo_refused_requests_total{reason="top"} 1.0',
        "keiryo_waiting_images 0.0",
        "keiryo_held_bytes 0.0",
    ):
        assert line in lines


def ask(
    service: Service, *messages: dict[str, Any], path: str = "/predict", silent_after: bool = False
) -> int:
    """Send ASGI messages to the service; return the status of its answer, 0 if it gave none."""
    rest = list(messages)
    status = 0

    async def receive() -> Any:
        if not rest and silent_after:
            await asyncio.Event().wait()
        return rest.pop(0) if rest else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(),
        "query_string": b"", "headers": [(b"host", b"localhost")], "client": ("127.0.0.1", 1),
    }  # fmt: skip
    asyncio.run(service(scope, receive, send))
    return status


def chunk(size: int, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": b"x" * size, "more_body": more}


def test_bytes_are_counted_as_they_arrive(artifact: Path) -> None:
    limits = Limits(request_bytes=1000, timeout_seconds=0.2, held_bytes=1500)
    service = Service(Serving((str(artifact),), limits=limits), LOG.append)
    assert ask(service, chunk(600), chunk(600), silent_after=True) == 413
    assert ask(service, chunk(600), silent_after=True) == 408  # nothing more comes
    image = {"type": "http.request", "body": encode_noise(16), "more_body": False}
    assert ask(service, image, silent_after=True) == 200
    service.close()


def test_nobody_works_for_a_client_that_left(artifact: Path) -> None:
    service = Service(Serving((str(artifact),)), LOG.append)
    image = {"type": "http.request", "body": encode_noise(700), "more_body": False}
    ask(service, image, {"type": "http.disconnect"})
    client = testclient.TestClient(service, base_url="http://127.0.0.1")
    metrics = client.get("/metrics").text
    assert "keiryo_left_requests_total 1.0" in metrics
    assert "keiryo_waiting_images 0.0" in metrics
    service.close()


def test_a_fault_is_logged_without_its_words() -> None:
    lines: list[str] = []

    async def fail(scope: Any, receive: Any, send: Any) -> None:
        raise KeyError("secret")

    guard = Guard(
        fail, limits=Limits(), counters=Counters(), keys=None, local=False, say=lines.append
    )
    answer = testclient.TestClient(guard).get("/models")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert len(lines) == 1
    assert re.fullmatch(rf"a fault: KeyError in {Path(__file__).name}, line \d+", lines[0])


def test_the_api_is_described(start: Callable[..., Client]) -> None:
    client = start()
    paths = client.get("/openapi.json").json()["paths"]
    for path, methods in paths.items():
        for method in methods:
            assert client.request(method, path).status_code != 404
    assert json.dumps(paths).count("Retry-After") == 1


def test_the_page_needs_nothing_else(start: Callable[..., Client]) -> None:
    answer = start().get("/")
    (script,) = re.findall(r"<script>(.*?)</script>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in answer.headers["content-security-policy"]
    assert not re.findall(r"https?://|style=|<link[^>]* href=\"(?!data:)", answer.text)
    english, japanese = re.findall(r"\n  (?:en|ja): \{(.*?)\n  \}", script, re.DOTALL)
    words = re.compile(r"(?:^|[,{] ?|\n\s*)(\w+): (?=[\"\w(])")
    assert set(words.findall(english)) == set(words.findall(japanese))
    assert set(re.findall(r'data-text="(\w+)"', answer.text)) <= set(words.findall(english))


KINDS = st.sampled_from(
    ["image/png", "application/json", "multipart/form-data; boundary=b", "text/plain", "", "a/b/c;"]
)
FORM = b'--b\r\nContent-Disposition: form-data; name="a"; filename="f"\r\n\r\n%s\r\n--b--\r\n'


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Draw a valid body with a part replaced by random bytes, or random bytes alone."""
    image = draw(st.sampled_from([encode("red"), encode("red", kind="JPEG"), bomb(9, 9)]))
    encoded = json.dumps({"images": [base64.b64encode(image).decode()]}).encode()
    body = draw(st.sampled_from([b"", image, encoded, FORM % image]))
    start, length = draw(st.integers(0, len(body))), draw(st.integers(0, 40))
    return body[:start] + draw(st.binary(max_size=40)) + body[start + length :]


@pytest.fixture(scope="module")
def fuzzed(artifact: Path) -> Iterator[Client]:
    service = Service(Serving((str(artifact),), limits=Limits(request_bytes=3000)), LOG.append)
    yield testclient.TestClient(service, base_url="http://127.0.0.1")
    service.close()


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(bodies(), KINDS, st.sampled_from(["", "?top=1", "?model=colors", "?top=x&top=1", "?%ff"]))
def test_no_malformed_request_is_a_fault(
    fuzzed: Client, body: bytes, kind: str, query: str
) -> None:
    answer = fuzzed.post("/predict" + query, content=body, headers={"content-type": kind})
    assert answer.status_code in (200, 400, 404, 413, 415, 422)
    assert ("results" in answer.json()) == (answer.status_code in (200, 422))
