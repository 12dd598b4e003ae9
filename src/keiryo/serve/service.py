"""The service: its models, its queue, and the endpoints that requests reach."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from keiryo.errors import InputError, one_line
from keiryo.serve.access import ApiKeys
from keiryo.serve.classification import Classified, classify
from keiryo.serve.counters import Counters
from keiryo.serve.guard import DEADLINE, Guard
from keiryo.serve.limits import Limits, RefusalError
from keiryo.serve.openapi import describe_api
from keiryo.serve.request_images import read_images
from keiryo.serve.served_models import ServedModel, load_models
from keiryo.serve.web_page import PAGE_HEADERS, page
from keiryo.serve.work_queue import QueueFullError, WorkQueue

DEFAULT_TOP = 5
MILLI = 1e-3
QUERY = frozenset(("model", "top"))


@dataclass(frozen=True)
class Serving:
    """The artifacts that are served, as `load_models` takes them, and how.

    `workers` is the number of images classified at a time, each with `threads` threads. `keys_file`
    has API keys. With `local`, only requests to a name of this machine are answered.
    """

    artifacts: tuple[str, ...]
    workers: int = 1
    threads: int = 1
    keys_file: Path | None = None
    local: bool = True
    limits: Limits = field(default_factory=Limits)


class Service:
    """An ASGI application that classifies images with exported models.

    `say` is called with a line for the log. Raises InputError if a model or the file of keys cannot
    be loaded.
    """

    def __init__(self, serving: Serving, say: Callable[[str], None]) -> None:
        self._serving, self._say = serving, say
        self._models = load_models(serving.artifacts, threads=serving.threads)
        self._counters = Counters()
        self._queue = WorkQueue(
            workers=serving.workers,
            most_waiting=serving.limits.waiting,
            # Half the time: what is accepted shall be answered within the limit.
            most_seconds=serving.limits.timeout_seconds / 2,
        )
        self._counters.waiting.set_function(lambda: self._queue.waiting)
        self._is_ready = True
        routes = [
            Route("/predict", self._predict, methods=["POST"]),
            Route("/", self._show_page),
            Route("/health", self._health),
            Route("/ready", self._ready),
            Route("/models", self._list_models),
            Route("/metrics", self._show_metrics),
            Route("/openapi.json", self._describe),
        ]
        self._guard = Guard(
            Router(routes, redirect_slashes=False, default=_not_found),
            limits=serving.limits,
            counters=self._counters,
            keys=self._load_keys(),
            local=serving.local,
            say=say,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request of ASGI."""
        await self._guard(scope, receive, send)

    @property
    def model_names(self) -> list[str]:
        """The names of the models, in the order of their artifacts."""
        return list(self._models)

    def drain(self) -> None:
        """Answer /ready with 503 from now on. All else is answered as before."""
        self._is_ready = False

    def close(self) -> None:
        """Let the workers end."""
        self._queue.close()

    def reload(self) -> None:
        """Load the models and keys again; keep the old ones and log a line if one cannot be loaded.

        Requests that were accepted before are answered by the old ones.
        """
        try:
            models = load_models(self._serving.artifacts, threads=self._serving.threads)
            keys = self._load_keys()
        except (InputError, OSError) as error:
            self._counters.reloads.labels("failed").inc()
            self._say(f"not reloaded, the old models stay: {one_line(error)}")
            return
        self._models, self._guard.keys = models, keys
        self._counters.reloads.labels("done").inc()
        self._say(f"reloaded: {', '.join(models)}")

    def _load_keys(self) -> ApiKeys | None:
        return None if self._serving.keys_file is None else ApiKeys(self._serving.keys_file)

    async def _show_page(self, request: Request) -> Response:
        return Response(page(), media_type="text/html", headers=PAGE_HEADERS)

    async def _health(self, request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def _ready(self, request: Request) -> Response:
        if self._is_ready:
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "stopping"}, 503)

    async def _list_models(self, request: Request) -> Response:
        return JSONResponse({"models": [model.describe() for model in self._models.values()]})

    async def _show_metrics(self, request: Request) -> Response:
        return Response(self._counters.text(), headers={"content-type": CONTENT_TYPE_LATEST})

    async def _describe(self, request: Request) -> Response:
        return JSONResponse(
            describe_api(self._serving.limits, has_keys=self._guard.keys is not None)
        )

    async def _predict(self, request: Request) -> Response:
        try:
            return await self._classify(request)
        except QueueFullError as full:
            raise RefusalError(
                503, "full", "too many images wait", retry_after=full.seconds
            ) from None

    async def _classify(self, request: Request) -> Response:
        models, top = self._parse_query(request)
        self._queue.check_room()  # before the body costs anything
        images = await read_images(request, self._serving.limits)
        work = [
            partial(classify, image, models, top=top, most_pixels=self._serving.limits.pixels)
            for image in images
        ]
        del images  # a job lets its image go when it is done
        results = await self._work(work, request)
        if results is None:
            self._counters.left.inc()
            return Response(status_code=400)  # nobody receives it
        self._count(results)
        document = [_document(result) for result in results]
        is_unread = all(result.error is not None for result in results)
        return JSONResponse({"results": document}, 422 if is_unread else 200)

    def _parse_query(self, request: Request) -> tuple[list[ServedModel], int]:
        query = request.query_params
        if unknown := set(query) - QUERY:
            known = " and ".join(sorted(QUERY))
            raise RefusalError(400, "query", f"{len(unknown)} unknown in the query; known: {known}")
        models = self._models
        chosen = query.getlist("model")
        if any(name not in models for name in chosen):
            names = ", ".join(models)
            raise RefusalError(404, "model", f"no such model; there are {names}")
        top = query.get("top", str(DEFAULT_TOP))
        if not (top.isascii() and top.isdigit() and len(top) < 6 and int(top) > 0):
            raise RefusalError(400, "top", "top is a number of classes, from 1 on")
        return [models[name] for name in dict.fromkeys(chosen or models)], int(top)

    async def _work(
        self, work: Sequence[Callable[[], Classified]], request: Request
    ) -> list[Classified] | None:
        """Return the results of all `work`, or None if the client leaves before."""
        jobs = self._queue.submit(work)
        loop = asyncio.get_running_loop()
        left = loop.create_task(_client_left(request))
        everything = asyncio.gather(*jobs)
        seconds = max(0.0, request.scope["state"][DEADLINE] - loop.time())
        try:
            done, _ = await asyncio.wait(
                {left, everything}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
            if everything in done:
                return everything.result()
            if left in done:
                return None
            raise RefusalError(503, "late", "no answer in time", retry_after=seconds)
        finally:
            left.cancel()
            for job in jobs:
                job.cancel()

    def _count(self, results: Iterable[Classified]) -> None:
        for result in results:
            if result.error is not None:
                self._counters.unreadable.inc()
                continue
            self._counters.read_seconds.observe(result.read_ms * MILLI)
            for answer in result.answers:
                self._counters.images.labels(answer.model).inc()
                self._counters.model_seconds.labels(answer.model).observe(answer.latency_ms * MILLI)


async def _client_left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    raise RefusalError(404, "path", "no such path; /openapi.json lists all")


def _document(result: Classified) -> dict[str, Any]:
    if result.error is not None:
        return {"error": result.error}
    return {
        "answers": [answer.document() for answer in result.answers],
        "read_ms": round(result.read_ms, 3),
    }
