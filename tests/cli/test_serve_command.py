"""`keiryo serve` refuses what it cannot serve, and stops without losing a request."""

import http.client
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("uvicorn")
pytest.importorskip("prometheus_client")

from conftest import Finished
from serve.color_model import encode_noise, write_color_model

Keiryo = Callable[..., Finished]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_color_model(tmp_path / "colors.onnx")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["absent.onnx"], "absent.onnx: no such file"),
        (["nothing"], "nothing: holds no exported model"),
        (["trial"], "trial: not exported yet; run keiryo export trial --to onnx"),
        (["trial/model.safetensors"], "trial: not exported yet; run keiryo export trial"),
        (["colors.onnx", "colors.onnx"], "another model is named colors, too"),
        (["=colors.onnx"], "no name before the equals sign"),
        (["colors.onnx", "--host", "0.0.0.0"], "add --api-keys FILE, or --open"),
        (["colors.onnx", "--host", "192.0.2.1", "--open"], "--host 192.0.2.1: "),
        (["colors.onnx", "--api-keys", "absent"], "--api-keys absent: No such file"),
        (["colors.onnx", "--api-keys", "empty"], "--api-keys empty: holds no key"),
        (["colors.onnx", "--api-keys", "short"], "1 of the keys have under 16 characters"),
        (["colors.onnx", "--queue", "3"], "--queue 3: less than --max-images 16"),
        (["colors.onnx", "--port", "70000"], "--port"),
    ],
)
def test_what_cannot_be_served(
    keiryo: Keiryo, model: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    here = model.parent
    monkeypatch.chdir(here)
    (here / "nothing").mkdir()
    (here / "trial").mkdir()
    (here / "trial" / "model.safetensors").write_bytes(b"")
    (here / "empty").write_text("# none\n")
    (here / "short").write_text("secret\n")
    refused = keiryo("serve", *arguments)
    assert refused.status == 2
    assert said in refused.err
    assert refused.out == ""
    assert len(refused.err.splitlines()) <= 2
    assert "secret" not in refused.err


def test_a_port_in_use_is_named(keiryo: Keiryo, model: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = keiryo("serve", model, "--port", port)
    assert refused.status == 2
    assert refused.err == (
        f"keiryo: --port {port}: in use by another program; name another, or 0 for any\n"
    )


@pytest.mark.slow
def test_stopping_under_load_loses_no_request(model: Path) -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "keiryo", "serve", str(model), "--port", "0", "--workers", "1"],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stderr is not None
    port = int(running.stderr.readline().rpartition(":")[2])
    image = encode_noise(600)
    answers: list[int] = []
    lost: list[str] = []
    begun = threading.Event()

    def ask_until_refused() -> None:
        while True:
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            try:
                client.connect()
            except ConnectionRefusedError:
                return
            try:
                client.request("POST", "/predict", image)
                answers.append(client.getresponse().status)
            except (OSError, http.client.HTTPException) as error:
                lost.append(repr(error))
            finally:
                client.close()
            begun.set()

    clients = [threading.Thread(target=ask_until_refused) for _ in range(12)]
    for client in clients:
        client.start()
    begun.wait()
    silent = socket.create_connection(("127.0.0.1", port))  # holds nothing up
    running.send_signal(signal.SIGHUP)
    while len(answers) < 100:
        begun.clear()
        begun.wait()
    late = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    late.connect()
    running.send_signal(signal.SIGTERM)
    time.sleep(0.4)  # its request is on the way while the service stops
    late.request("POST", "/predict", image)
    assert late.getresponse().status == 200
    for client in clients:
        client.join()
    assert running.wait(20) == 0
    silent.close()
    assert set(answers) == {200}
    assert not lost
    assert running.stderr.read().splitlines() == [
        "keiryo: reloaded: colors",
        "keiryo: stopping: what was accepted is answered; a second signal ends at once",
    ]
