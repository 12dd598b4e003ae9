"""`keiryo predict`: images in every form, and what cannot be read beside the others."""

import csv
import io
import json
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from conftest import Finished, write_images
from keiryo.errors import InputError
from keiryo.export.fetching import fetch

Keiryo = Callable[..., Finished]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return write_images(tmp_path / "new 花", classes=2, each=2, size=50)


def names_of(finished: Finished) -> list[str]:
    return [line.rpartition(": ")[0] for line in finished.out.splitlines()]


def test_folders_patterns_and_repeated_images(
    keiryo: Keiryo, trial_folder: Path, images: Path
) -> None:
    (images / ".hidden").mkdir()
    (images / ".hidden" / "x.jpg").write_text("not read")
    (images / "notes.txt").write_text("not read")
    files = sorted(map(str, images.rglob("*/0*.jpg")))
    assert names_of(keiryo("predict", trial_folder, images)) == files
    assert names_of(keiryo("predict", trial_folder, f"{images}/**/*.jpg")) == files
    first = files[0]
    assert names_of(keiryo("predict", trial_folder, first, first)) == [first, first]


def test_one_bad_image_is_named_and_the_others_are_answered(
    keiryo: Keiryo, trial_folder: Path, images: Path
) -> None:
    good = next(images.rglob("*.jpg"))
    (images / "bad.jpg").write_text("no image")
    (images / "empty").mkdir()
    given = (images / "bad.jpg", good, images / "absent.jpg", images / "empty", f"{images}/*.gif")
    finished = keiryo("predict", trial_folder, *given, "--json")
    assert finished.status == 2
    answers = json.loads(finished.out)
    assert [answer["image"] for answer in answers] == list(map(str, given))
    assert [len(answer["labels"]) for answer in answers] == [0, 1, 0, 0, 0]
    assert "error" not in answers[1]
    reasons = [answers[place]["error"] for place in (0, 2, 3, 4)]
    assert "recognised" in reasons[0]
    assert "No such file" in reasons[1]
    assert reasons[2:] == ["no images in this folder", "no file matches"]
    assert finished.err.splitlines() == [
        f"keiryo: {answers[place]['image']}: {answers[place]['error']}" for place in (0, 2, 3, 4)
    ]


def test_a_table_of_predictions(keiryo: Keiryo, trial_folder: Path, images: Path) -> None:
    good = next(images.rglob("*.jpg"))
    (images / "bad.jpg").write_text("no image")
    finished = keiryo("predict", trial_folder, good, images / "bad.jpg", "--csv", "--top", 2)
    assert finished.status == 2
    rows = list(csv.DictReader(io.StringIO(finished.out)))
    assert [(row["image"], row["rank"]) for row in rows] == [
        (str(good), "1"),
        (str(good), "2"),
        (str(images / "bad.jpg"), ""),
    ]
    assert float(rows[0]["probability"]) >= float(rows[1]["probability"])
    assert rows[2]["error"]
    assert keiryo("predict", trial_folder, good, "--csv", "--json").status == 2


@pytest.mark.parametrize("as_list", [False, True])
def test_standard_input_is_an_image_or_a_list(
    keiryo: Keiryo,
    trial_folder: Path,
    images: Path,
    monkeypatch: pytest.MonkeyPatch,
    as_list: bool,
) -> None:
    files = sorted(images.rglob("*.jpg"))
    data = "\n".join(map(str, files)).encode() if as_list else files[0].read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    finished = keiryo("predict", trial_folder, "-")
    assert finished.status == 0
    assert names_of(finished) == (list(map(str, files)) if as_list else ["standard input"])


class Pages(BaseHTTPRequestHandler):
    """A small site: an image, a page, a redirect to a file, too much, too little, silence."""

    image = b""
    silence = threading.Event()

    def do_GET(self) -> None:
        if self.path == "/image.jpg":
            self.answer(self.image, "image/jpeg")
        elif self.path == "/page":
            self.answer(b"<html>", "text/html; charset=utf-8")
        elif self.path == "/large":
            self.answer(b"x" * 200_000, "image/jpeg")
        elif self.path == "/short":
            self.answer(self.image[:100], "image/jpeg", length=len(self.image))
        elif self.path in ("/file", "/again"):
            self.send_response(302)
            target = "file:///etc/passwd" if self.path == "/file" else "/image.jpg"
            self.send_header("Location", target)
            self.end_headers()
        elif self.path == "/silent":
            self.silence.wait(10)
        else:
            self.send_error(404)

    def answer(self, data: bytes, kind: str, length: int | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length or len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def site(images: Path) -> Iterator[str]:
    Pages.image = next(images.rglob("*.jpg")).read_bytes()
    Pages.silence.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    Pages.silence.set()
    server.shutdown()
    server.server_close()
    thread.join()


def test_images_at_addresses(keiryo: Keiryo, trial_folder: Path, images: Path, site: str) -> None:
    here = keiryo("predict", trial_folder, next(images.rglob("*.jpg"))).out.rpartition(": ")[2]
    finished = keiryo("predict", trial_folder, f"{site}/image.jpg", f"{site}/page", f"{site}/again")
    assert finished.status == 2
    assert finished.out == f"{site}/image.jpg: {here}{site}/again: {here}"
    assert finished.err == f"keiryo: {site}/page: not an image: the server sent text/html\n"


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/absent", "answered 404"),
        ("/large", "larger than 0.1 MB"),
        ("/short", "too early"),
        ("/file", "answered 302|not allowed|unknown url type"),
        ("/silent", "no answer within 0.2 s"),
    ],
)
def test_a_server_that_does_not_send_an_image(site: str, path: str, hint: str) -> None:
    with pytest.raises(InputError, match=hint):
        fetch(site + path, largest_bytes=100_000, silence_s=0.2)


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(InputError, match="cannot be reached"):
        fetch("http://127.0.0.1:1/image.jpg")
