"""The description of the HTTP API, as OpenAPI 3.1."""

from typing import Any

from keiryo.serve.limits import Limits
from keiryo.version import __version__

JSON = "application/json"
NUMBER, TEXT = {"type": "number"}, {"type": "string"}


def describe_api(limits: Limits, *, has_keys: bool) -> dict[str, Any]:
    """Return the OpenAPI document of a service with these limits; `has_keys` if it asks for one."""
    guarded: dict[str, Any] = {"security": [{"key": []}]} if has_keys else {}
    refusals = {"403": "The host name is not this machine's", "429": "Too many requests"}
    if has_keys:
        refusals["401"] = "No valid API key"
    paths = {
        "/predict": {"post": {**_predict(limits, refusals), **guarded}},
        "/models": {"get": {**_read("The models", _list_of_models(), refusals), **guarded}},
        "/metrics": {"get": {**_text("Figures for Prometheus", refusals), **guarded}},
        "/health": {"get": _read("The process is alive", _status())},
        "/ready": {
            "get": _read("Requests are welcome", _status(), {"503": "The service is stopping"})
        },
    }
    components: dict[str, Any] = {"schemas": {"Refusal": _record(error=TEXT, message=TEXT)}}
    if has_keys:
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "keiryo serve", "version": __version__},
        "paths": paths,
        "components": components,
    }


def _predict(limits: Limits, refusals: dict[str, str]) -> dict[str, Any]:
    file = {"type": "string", "format": "binary"}
    files = {"type": "array", "items": file, "maxItems": limits.images}
    encoded = {"type": "string", "contentEncoding": "base64"}
    label = _record(label=TEXT, probability=NUMBER)
    answer = _record(model=TEXT, labels={"type": "array", "items": label}, latency_ms=NUMBER)
    read = _record(answers={"type": "array", "items": answer}, read_ms=NUMBER)
    results = {"type": "array", "items": {"oneOf": [read, _record(error=TEXT)]}}
    every = {
        **refusals,
        "400": "The request is damaged",
        "404": "No such model",
        "408": "The request came too slowly",
        "413": f"More than {limits.request_bytes:,} bytes or {limits.images} images",
        "415": "The body has another form",
        "503": "Too much waits; Retry-After says for how long",
    }
    return {
        "summary": "Classify images",
        "description": "Results stand in the order of the images, answers in that of the models, "
        "and labels begin with the likeliest. An image that cannot be read has an error, and the "
        "others are answered.",
        "parameters": [
            {
                "name": "model",
                "in": "query",
                "description": "Name of a model; may be repeated. Without it, all models answer.",
                "schema": {"type": "array", "items": TEXT},
            },
            {
                "name": "top",
                "in": "query",
                "description": "Number of classes",
                "schema": {"type": "integer", "minimum": 1, "maximum": 99999, "default": 5},
            },
        ],
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {"type": "object", "properties": {"image": files}}
                },
                "image/*": {"schema": file},
                "application/octet-stream": {"schema": file},
                JSON: {
                    "schema": _record(
                        images={"type": "array", "items": encoded, "maxItems": limits.images}
                    )
                },
            },
        },
        "responses": {
            "200": _json_response("Answers", _record(results=results)),
            "422": _json_response("None of the images could be read", _record(results=results)),
            **_refusals(every),
        },
    }


def _read(
    summary: str, schema: dict[str, Any], refusals: dict[str, str] | None = None
) -> dict[str, Any]:
    responses = {"200": _json_response(summary, schema), **_refusals(refusals or {})}
    return {"summary": summary, "responses": responses}


def _text(summary: str, refusals: dict[str, str]) -> dict[str, Any]:
    plain = {"description": summary, "content": {"text/plain": {"schema": TEXT}}}
    return {"summary": summary, "responses": {"200": plain, **_refusals(refusals)}}


def _list_of_models() -> dict[str, Any]:
    classes = {"type": "array", "items": TEXT}
    fit = {"enum": ["crop", "letterbox", "stretch"]}
    model = _record(name=TEXT, classes=classes, size={"type": "integer"}, fit=fit)
    return _record(models={"type": "array", "items": model})


def _status() -> dict[str, Any]:
    return _record(status=TEXT)


def _refusals(meanings: dict[str, str]) -> dict[str, Any]:
    reference = {"$ref": "#/components/schemas/Refusal"}
    return {status: _json_response(text, reference) for status, text in sorted(meanings.items())}


def _json_response(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {JSON: {"schema": schema}}}


def _record(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(fields)}
