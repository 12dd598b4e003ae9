import errno
import hashlib
import itertools
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from keiryo.data.sources.download import download
from keiryo.errors import InputError

CONTENT = bytes(range(256)) * 4000
CHECKSUM = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
AT_ONCE = (0.0, 0.0, 0.0)


class Server(ThreadingHTTPServer):
    """Serves `content` at every path, as well or as badly as its attributes say."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.knows_ranges = True
        self.says_length = True
        self.shifts_ranges_by = 0
        self.status = 0
        # How many bytes each next answer holds before it breaks off.
        self.breaks: Iterator[int] = iter(())
        self.paths: list[str] = []
        self.ranges: list[str | None] = []
        self.silence_ends = threading.Event()
        self.silence_ends.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/flowers.tgz"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server, wanted = self.server, self.headers["Range"]
        server.paths.append(self.path)
        server.ranges.append(wanted)
        server.silence_ends.wait(5)
        start = 0
        if wanted and server.knows_ranges:
            start = int(wanted.removeprefix("bytes=").removesuffix("-")) + server.shifts_ranges_by
        if server.status or start >= len(server.content):
            self.send_error(server.status or 416)
            return
        self.send_response(206 if start else 200)
        if start:
            end = len(server.content) - 1
            self.send_header("Content-Range", f"bytes {start}-{end}/{len(server.content)}")
        if server.says_length:
            self.send_header("Content-Length", str(len(server.content) - start))
        self.end_headers()
        self.wfile.write(server.content[start:][: next(server.breaks, None)])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.silence_ends.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "downloads" / "flowers.tgz"


def part_of(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True)
    part = path.with_name("flowers.tgz.part")
    part.write_bytes(content)
    return part


def refused(url: str, path: Path, *, checksum: str = CHECKSUM, timeout_s: float = 5) -> str:
    """Return the one line that a download ends with."""
    with pytest.raises(InputError) as raised:
        download(url, path, checksum=checksum, retry_waits_s=AT_ONCE, timeout_s=timeout_s)
    message = str(raised.value)
    assert "\n" not in message
    assert message.startswith(url)
    assert f"put it at {path}" in message
    return message


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_a_whole_file(server: Server, path: Path, algorithm: str) -> None:
    reports: list[tuple[int, int | None]] = []
    checksum = f"{algorithm}:{hashlib.new(algorithm, CONTENT).hexdigest()}"
    download(server.url, path, checksum=checksum, progress=lambda *report: reports.append(report))
    assert path.read_bytes() == CONTENT
    assert [file.name for file in path.parent.iterdir()] == ["flowers.tgz"]
    assert {total for _, total in reports} == {len(CONTENT)}
    done = [done for done, _ in reports]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, len(CONTENT))


def test_a_server_that_does_not_say_the_length(server: Server, path: Path) -> None:
    reports: list[tuple[int, int | None]] = []
    server.says_length = False
    download(server.url, path, checksum=CHECKSUM, progress=lambda *report: reports.append(report))
    assert path.read_bytes() == CONTENT
    assert reports[-1] == (len(CONTENT), None)


def test_a_file_that_is_there_is_not_fetched_again(server: Server, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    reports: list[tuple[int, int | None]] = []
    download(server.url, path, checksum=CHECKSUM, progress=lambda *report: reports.append(report))
    assert server.ranges == []
    assert reports == [(len(CONTENT), len(CONTENT))]


def test_another_file_in_its_place_is_replaced(server: Server, path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"another")
    download(server.url, path, checksum=CHECKSUM)
    assert path.read_bytes() == CONTENT


def test_a_partial_file_is_gone_on_with(server: Server, path: Path) -> None:
    part_of(path, CONTENT[:1000])
    reports: list[tuple[int, int | None]] = []
    download(server.url, path, checksum=CHECKSUM, progress=lambda *report: reports.append(report))
    assert path.read_bytes() == CONTENT
    assert server.ranges == ["bytes=1000-"]
    assert reports[0] == (1000, len(CONTENT))


def test_a_partial_file_that_is_whole_needs_no_byte_more(server: Server, path: Path) -> None:
    part = part_of(path, CONTENT)
    download(server.url, path, checksum=CHECKSUM)
    assert path.read_bytes() == CONTENT
    assert not part.exists()
    assert server.ranges == [f"bytes={len(CONTENT)}-"]


@pytest.mark.parametrize("stale", [b"x" * 1000, b"x" * len(CONTENT), CONTENT + b"x"])
def test_a_stale_partial_file_is_started_anew(server: Server, path: Path, stale: bytes) -> None:
    part_of(path, stale)
    download(server.url, path, checksum=CHECKSUM)
    assert path.read_bytes() == CONTENT
    assert server.ranges == [f"bytes={len(stale)}-", None]


@pytest.mark.parametrize("held", [1000, len(CONTENT) + 1])
def test_a_server_that_ignores_ranges(server: Server, path: Path, held: int) -> None:
    server.knows_ranges = False
    part_of(path, b"x" * held)
    download(server.url, path, checksum=CHECKSUM)
    assert path.read_bytes() == CONTENT
    assert len(server.ranges) == 1


def test_a_server_that_answers_with_another_range(server: Server, path: Path) -> None:
    server.shifts_ranges_by = 1
    part_of(path, CONTENT[:1000])
    download(server.url, path, checksum=CHECKSUM, retry_waits_s=AT_ONCE)
    assert path.read_bytes() == CONTENT
    assert server.ranges == ["bytes=1000-", None]


def test_dropped_connections_are_gone_on_with(server: Server, path: Path) -> None:
    # More drops than there are waits: each brought something, so each starts the count anew.
    server.breaks = iter([100_000] * 6)
    download(server.url, path, checksum=CHECKSUM, retry_waits_s=AT_ONCE)
    assert path.read_bytes() == CONTENT
    assert server.ranges == [None, *(f"bytes={times}00000-" for times in range(1, 7))]


def test_a_server_that_starts_over_and_breaks_off_is_given_up(server: Server, path: Path) -> None:
    server.knows_ranges = False
    server.breaks = itertools.repeat(100_000)
    message = refused(server.url, path)
    assert "the connection ended after 100,000 of 1,024,000 bytes" in message
    assert len(server.ranges) == 1 + len(AT_ONCE)
    assert not path.exists()


def test_what_came_before_giving_up_is_kept(server: Server, path: Path) -> None:
    server.breaks = itertools.chain([100_000], itertools.repeat(0))
    refused(server.url, path)
    server.breaks = iter(())
    server.ranges.clear()
    download(server.url, path, checksum=CHECKSUM)
    assert server.ranges == ["bytes=100000-"]
    assert path.read_bytes() == CONTENT


def test_a_missing_file(server: Server, path: Path) -> None:
    server.status = 404
    assert "answered 404 Not Found; try again later" in refused(server.url, path)
    assert len(server.ranges) == 1


def test_a_busy_server_is_asked_again(server: Server, path: Path) -> None:
    server.status = 503
    assert "answered 503 Service Unavailable" in refused(server.url, path)
    assert len(server.ranges) == 1 + len(AT_ONCE)


def test_a_wrong_checksum(server: Server, path: Path) -> None:
    server.content = b"<html>please log in</html>"
    message = refused(server.url, path)
    assert "not the published file" in message
    assert hashlib.sha256(server.content).hexdigest() in message
    assert list(path.parent.iterdir()) == []


def test_a_wrong_file_put_there_by_hand_is_said(server: Server, path: Path) -> None:
    server.status = 404
    path.parent.mkdir()
    path.write_bytes(CONTENT[:-1])
    assert "(the file there now is not the published one)" in refused(server.url, path)
    assert path.read_bytes() == CONTENT[:-1]


def test_no_connection(path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed_port = free.getsockname()[1]
    message = refused(f"http://127.0.0.1:{closed_port}/flowers.tgz", path)
    assert "cannot be reached (Connection refused); connect to the internet" in message


def test_a_silent_server(server: Server, path: Path) -> None:
    server.silence_ends.clear()
    message = refused(server.url, path, timeout_s=0.05)
    assert "no answer within 0.05 s; connect to the internet" in message


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file:///etc/hostname", "not an http or https address"),
        ("http://127.0.0.1:port/x", "not an address that can be opened"),
        ("http://a b/x", "not an address that can be opened"),
    ],
)
def test_what_is_no_address(path: Path, url: str, reason: str) -> None:
    assert reason in refused(url, path)


def test_a_proxy_is_honoured(server: Server, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", server.url)
    download("http://publisher.invalid/flowers.tgz", path, checksum=CHECKSUM)
    assert server.paths == ["http://publisher.invalid/flowers.tgz"]
    assert path.read_bytes() == CONTENT


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no /dev/full")
def test_a_full_disk_is_the_disks_fault(server: Server, path: Path) -> None:
    part = part_of(path, b"")
    part.unlink()
    part.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as raised:
        download(server.url, path, checksum=CHECKSUM)
    assert raised.value.errno == errno.ENOSPC
    assert raised.value.filename == str(part)
