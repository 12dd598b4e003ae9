"""`keiryo serve`: an HTTP service and a page that classify images."""

import importlib.util
from pathlib import Path
from typing import Annotated

import typer

MEGA = 1_000_000
# What the extra `serve` installs, by the names that are imported.
NEEDED = ("uvicorn", "starlette", "python_multipart", "prometheus_client")


def serve(
    artifacts: Annotated[
        list[str],
        typer.Argument(
            metavar="ARTIFACT",
            help="Files that `keiryo export` wrote, or folders that hold one: of a trial, or of a "
            "comparison, whose recommended model is taken. NAME=PATH names it.",
        ),
    ],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8000,
    api_keys: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File of API keys, one a line; requests must have one."),
    ] = None,
    open: Annotated[
        bool, typer.Option("--open", help="Answer other machines without a key.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Images classified at a time.", show_default="all cores"),
    ] = None,
    threads: Annotated[
        int, typer.Option(min=1, help="Number of processor threads for each image.")
    ] = 1,
    queue: Annotated[int, typer.Option(min=1, help="Images that may wait for a worker.")] = 64,
    max_mb: Annotated[float, typer.Option(min=0.001, help="Megabytes of a request.")] = 20,
    max_held_mb: Annotated[
        float, typer.Option(min=0.001, help="Megabytes of all requests without an answer yet.")
    ] = 128,
    max_megapixels: Annotated[
        float, typer.Option(min=0.001, help="Million pixels of an image.")
    ] = 25,
    max_images: Annotated[int, typer.Option(min=1, help="Images of a request.")] = 16,
    max_connections: Annotated[int, typer.Option(min=1, help="Connections at a time.")] = 1000,
    rate: Annotated[
        float | None,
        typer.Option(min=0.001, help="Requests a second from one client.", show_default="no limit"),
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds for a request and its answer.")
    ] = 30,
    drain: Annotated[
        float, typer.Option(min=0, help="Seconds between SIGTERM and the end of new connections.")
    ] = 0,
) -> None:
    """Serve exported models over HTTP, with a page to try images on.

    SIGHUP loads the files again. SIGTERM and Ctrl-C answer what was accepted, then end.
    """
    from keiryo.errors import InputError
    from keiryo.measure.machine import usable_cores

    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(f"keiryo serve needs {', '.join(missing)}; pip install 'keiryo[serve]'")
    from keiryo.serve.access import is_loopback
    from keiryo.serve.limits import Limits
    from keiryo.serve.server import address_of, open_socket, run
    from keiryo.serve.service import Service, Serving

    if not is_loopback(host) and api_keys is None and not open:
        raise InputError(
            f"--host {host}: other machines could use it; add --api-keys FILE, or --open to let "
            "them without a key"
        )
    if queue < max_images:
        raise InputError(
            f"--queue {queue}: less than --max-images {max_images}, so that some requests would "
            "never be answered; raise it, or lower the other"
        )
    limits = Limits(
        request_bytes=round(max_mb * MEGA),
        held_bytes=round(max(max_held_mb, max_mb) * MEGA),
        pixels=round(max_megapixels * MEGA),
        images=max_images,
        waiting=queue,
        connections=max_connections,
        rate=rate,
        timeout_seconds=timeout,
    )
    serving = Serving(
        tuple(artifacts),
        workers=workers or max(1, usable_cores() // threads),
        threads=threads,
        keys_file=api_keys,
        local=is_loopback(host) and api_keys is None and not open,
        limits=limits,
    )
    service = Service(serving, _say)
    listener = open_socket(host, port)
    _say(f"serving {', '.join(service.model_names)} on {address_of(listener)}")
    run(
        service,
        listener,
        timeout_seconds=timeout,
        drain_seconds=drain,
        most_connections=max_connections,
        say=_say,
    )


def _say(message: str) -> None:
    typer.echo(f"keiryo: {message}", err=True)
