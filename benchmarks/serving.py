"""The service against the bare runtime, and under ten times the load that it can take.

    python benchmarks/serving.py MODEL.onnx IMAGE.jpg [--seconds 20] [--json]

1. **Throughput.** As many threads as cores call the runtime's predictor; then as many clients post
   the same image to `keiryo serve` as keep it busy. Both in turns, in this order, on one machine.
   The service's clients run on the same cores, so the processor time of the service itself is
   given too: by request, and that of the runtime by image.
2. **Latency at 70 %** of the measured throughput, requests at fixed times (open loop).
3. **Overload**: requests at ten times the throughput, at fixed times whatever came back; then 50 %
   again. It must shed with 503, keep its memory, answer all that it accepted, and be back.
"""

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

import keiryo_runtime

TURNS = 3
ROUTE = "/predict?top=1"
OVERLOAD = 10
CLIENTS_PER_CORE = 4
MOST_OPEN = 800


@dataclass
class Load:
    """The outcome of a load: answers by status, lost requests, latencies and memory."""

    asked_per_second: float
    seconds: float
    answered: int
    shed: int
    lost: int
    goodput: float
    p50_ms: float | None
    p99_ms: float | None
    memory_mb: list[float]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(
        description="The service beside the bare runtime, and under overload."
    )
    parser.add_argument("model")
    parser.add_argument("image", type=Path)
    parser.add_argument("--seconds", type=float, default=20, help="length of the overload")
    parser.add_argument("--turn-seconds", type=float, default=5)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    image = given.image.read_bytes()
    cores = len(os.sched_getaffinity(0))
    service, port = start(given.model, cores)
    try:
        request = encode_request(image)
        asyncio.run(closed_load(port, request, cores, 1.0))  # warm-up
        turns: list[dict[str, float]] = []
        for _ in range(TURNS):
            bare, bare_cpu = bare_throughput(given.model, image, cores, given.turn_seconds)
            before = processor_seconds(service)
            clients = cores * CLIENTS_PER_CORE
            served = asyncio.run(closed_load(port, request, clients, given.turn_seconds))
            cpu = (processor_seconds(service) - before) / served
            turns.append(
                {
                    "runtime_images_per_second": bare,
                    "runtime_cpu_ms": bare_cpu,
                    "service_images_per_second": served / given.turn_seconds,
                    "service_cpu_ms": cpu * 1000,
                }
            )
        capacity = statistics.median(turn["service_images_per_second"] for turn in turns)
        memory = psutil.Process(service.pid)
        loads = {
            "70 %": run_load(port, request, 0.7 * capacity, 8, memory),
            "overload": run_load(port, request, OVERLOAD * capacity, given.seconds, memory),
            "after": run_load(port, request, 0.5 * capacity, 8, memory),
        }
    finally:
        service.terminate()
        service.wait()
    if given.json:
        records = {name: asdict(load) for name, load in loads.items()}
        print(json.dumps({"cores": cores, "turns": turns, "loads": records}, indent=2))
    else:
        show(turns, loads)


def show(turns: list[dict[str, float]], loads: dict[str, Load]) -> None:
    """Print the figures as lines."""
    for name in turns[0]:
        values = [turn[name] for turn in turns]
        print(
            f"{name:28} {statistics.median(values):8.2f}   " + "  ".join(f"{v:.2f}" for v in values)
        )
    difference = [turn["service_cpu_ms"] - turn["runtime_cpu_ms"] for turn in turns]
    print(f"{'service over runtime, cpu ms':28} {statistics.median(difference):8.2f}")
    for name, load in loads.items():
        print(
            f"{name}: {load.asked_per_second:.0f} asked/s, {load.goodput:.0f} answered/s, "
            f"{load.shed} shed, {load.lost} lost, p50 {load.p50_ms or 0:.0f} ms, "
            f"p99 {load.p99_ms or 0:.0f} ms, memory {min(load.memory_mb):.0f} to "
            f"{max(load.memory_mb):.0f} MB"
        )


def start(model: str, workers: int) -> tuple[subprocess.Popen[str], int]:
    """Start the service; return it and its port."""
    service = subprocess.Popen(
        [sys.executable, "-m", "keiryo", "serve", model, "--port", "0", "--workers", str(workers)],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert service.stderr is not None
    line = service.stderr.readline()
    if "http://" not in line:
        sys.exit(line)
    return service, int(line.rpartition(":")[2])


def processor_seconds(service: subprocess.Popen[str]) -> float:
    """Return the processor time that the service has taken."""
    times = psutil.Process(service.pid).cpu_times()
    return times.user + times.system


def bare_throughput(model: str, image: bytes, threads: int, seconds: float) -> tuple[float, float]:
    """Return images a second by the runtime in `threads` threads, and ms of processor time each."""
    predictor = keiryo_runtime.load(model)
    predictor.predict(image)
    counts = [0] * threads
    end = time.perf_counter() + seconds

    def work(place: int) -> None:
        while time.perf_counter() < end:
            predictor.predict(image)
            counts[place] += 1

    began = time.process_time()
    running = [threading.Thread(target=work, args=(place,)) for place in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return sum(counts) / seconds, (time.process_time() - began) / sum(counts) * 1000


def encode_request(image: bytes) -> bytes:
    """Return a whole HTTP request with the image as its body."""
    head = f"POST {ROUTE} HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"
    return f"{head}Content-Length: {len(image)}\r\n\r\n".encode() + image


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> int:
    """Send a request over a connection that is kept; return the status of its answer."""
    writer.write(request)
    await writer.drain()
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
    await reader.readexactly(length)
    return int(head[9:12])


async def closed_load(port: int, request: bytes, clients: int, seconds: float) -> int:
    """Return the number of answers to clients that each ask again once they are answered."""
    end = time.perf_counter() + seconds

    async def repeat() -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        count = 0
        while time.perf_counter() < end:
            count += await ask(reader, writer, request) == 200
        writer.close()
        return count

    return sum(await asyncio.gather(*(repeat() for _ in range(clients))))


def run_load(
    port: int, request: bytes, per_second: float, seconds: float, service: psutil.Process
) -> Load:
    """Send requests at fixed times, over connections that are kept; return their outcome."""
    return asyncio.run(_open_load(port, request, per_second, seconds, service))


async def _open_load(
    port: int, request: bytes, per_second: float, seconds: float, service: psutil.Process
) -> Load:
    statuses: dict[int, int] = {}
    latencies: list[float] = []
    memory: list[float] = []
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    running: set[asyncio.Task[None]] = set()
    lost = 0

    async def send(due: float) -> None:
        nonlocal lost
        try:
            while idle and idle[-1][0].at_eof():  # closed, since it was idle
                idle.pop()[1].close()
            pair = idle.pop() if idle else await asyncio.open_connection("127.0.0.1", port)
            status = await ask(*pair, request)
        except (OSError, asyncio.IncompleteReadError):
            lost += 1
            return
        statuses[status] = statuses.get(status, 0) + 1
        if status == 200:
            latencies.append(time.perf_counter() - due)
        idle.append(pair)

    began = time.perf_counter()
    count, next_look = 0, began
    while (now := time.perf_counter()) < began + seconds:
        while began + count / per_second <= now:
            if len(running) < MOST_OPEN:
                task = asyncio.create_task(send(began + count / per_second))
                running.add(task)
                task.add_done_callback(running.discard)
            count += 1
        if now >= next_look:
            memory.append(service.memory_info().rss / 1e6)
            next_look = now + 0.5
        await asyncio.sleep(0.001)
    await asyncio.gather(*running)
    for _, writer in idle:
        writer.close()
    answered = statuses.get(200, 0)
    ordered: list[Any] = sorted(latency * 1000 for latency in latencies)
    return Load(
        asked_per_second=sum(statuses.values()) / seconds,
        seconds=seconds,
        answered=answered,
        shed=statuses.get(503, 0),
        lost=lost,
        goodput=answered / seconds,
        p50_ms=ordered[len(ordered) // 2] if ordered else None,
        p99_ms=ordered[int(len(ordered) * 0.99)] if ordered else None,
        memory_mb=memory,
    )


if __name__ == "__main__":
    socket.setdefaulttimeout(60)
    main()
