"""Before MLflow's scoring server: requests of a wrong size or form are told so in one line.

MLflow's own answers to wrong requests quote what was sent, and its errors may hold tracebacks; it
reads bodies of any size. The guard is an ASGI layer around its application: it reads the body up to
a limit, looks at its form, and answers with the reason alone whatever goes wrong behind it.
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from isnet_cxr.pipeline.serving.requested import IMAGE, PIXELS

REASON = "isnet-cxr: "
"""Begins the reason in an error of ours; MLflow puts other words, and what was sent, before it."""

LIMIT_MB, LIMIT_VARIABLE = 64, "ISNET_CXR_REQUEST_MB"
PATH = "/invocations"
RECORDS, SPLIT, PARAMS = "dataframe_records", "dataframe_split", "params"
EXPECTED = (
    f'expected JSON, {{"{RECORDS}": [{{"{IMAGE}": "<a file in base64>"}}]}} '
    f'or [{{"{PIXELS}": [[0.0, ...], ...]}}], and "{PARAMS}" if wanted'
)
WRONG, TOO_LARGE, OTHER_TYPE, OURS = 400, 413, 415, 500

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Any, Receive, Send], Awaitable[None]]


@dataclass
class _Refused(Exception):  # noqa: N818 - named for what becomes of the request
    """A request that goes no further."""

    status: int
    reason: str


class Guard:
    """The layer; everything but requests for predictions passes it unseen."""

    def __init__(self, app: App, limit: int | None = None) -> None:
        """Guard ``app``.

        Args:
            app: MLflow's.
            limit: Largest body, in bytes; None takes ``ISNET_CXR_REQUEST_MB`` or 64 MB.
        """
        self._app = app
        self._limit = request_limit() if limit is None else limit

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answer a request, or let it through."""
        if scope["type"] != "http" or scope["path"].rstrip("/") != PATH:
            await self._app(scope, receive, send)
            return
        try:
            body = await self._read(scope, receive)
            await asyncio.to_thread(_check, body)
        except _Refused as refused:
            await _tell(send, refused.status, refused.reason)
            return
        held = _Held(send)
        try:
            await self._app(scope, _again(body, receive), held)
        except Exception as error:
            if held.is_sent:
                raise
            await _tell(send, OURS, f"internal error ({type(error).__name__})")

    async def _read(self, scope: Any, receive: Receive) -> bytes:
        """Read the body, up to the limit."""
        headers = dict(scope["headers"])
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if scope["method"] == "POST" and kind != b"application/json":
            raise _Refused(OTHER_TYPE, "expected a content type of application/json")
        size, parts = 0, []
        told = headers.get(b"content-length", b"")
        if told.isdigit():
            size = int(told)
        while size <= self._limit:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Refused(WRONG, "the request was cut off")
            parts.append(message.get("body", b""))
            size = sum(len(part) for part in parts)
            if size <= self._limit and not message.get("more_body", False):
                return b"".join(parts)
        raise _Refused(TOO_LARGE, f"a request may have {self._limit // 1_000_000} MB")


class _Held:
    """Passes answers on; those that tell of errors are replaced by their reason."""

    def __init__(self, send: Send) -> None:
        self._send, self._status, self._parts = send, 0, [b""]
        self.is_sent = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] >= WRONG:
            self._status = message["status"]
        elif not self._status:
            self.is_sent = True
            await self._send(message)
        else:
            self._parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                self.is_sent = True
                await _tell(self._send, self._status, _reason(b"".join(self._parts)))


def guard_server() -> None:
    """Guard the application that MLflow's scoring server is about to make in this process.

    MLflow loads the model first and then makes a ``fastapi.FastAPI``: the next one is guarded.
    """
    import fastapi

    if getattr(fastapi.FastAPI, "is_guarded", False):
        return

    class Guarded(fastapi.FastAPI):
        is_guarded = True

        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self.add_middleware(Guard)

    fastapi.FastAPI = Guarded  # type: ignore[misc]


def request_limit() -> int:
    """Return the largest body of a request, in bytes."""
    told = os.environ.get(LIMIT_VARIABLE, "")
    return int(told if told.isdigit() and int(told) else LIMIT_MB) * 1_000_000


def _check(body: bytes) -> None:
    """Refuse what is no request of the form that is answered."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise _Refused(WRONG, f"no JSON: {EXPECTED}") from None
    if not isinstance(content, dict) or (RECORDS in content) == (SPLIT in content):
        raise _Refused(WRONG, EXPECTED)
    if set(content) - {RECORDS, SPLIT, PARAMS}:
        raise _Refused(WRONG, f"unknown keys: {EXPECTED}")
    if not isinstance(content.get(PARAMS, {}), dict):
        raise _Refused(WRONG, f'"{PARAMS}": expected names and values')
    rows = content[RECORDS] if RECORDS in content else _rows(content[SPLIT])
    if not isinstance(rows, list) or not rows or not all(_is_row(row) for row in rows):
        raise _Refused(WRONG, EXPECTED)


def _rows(split: Any) -> list[Any] | None:
    """Return the rows of a table in MLflow's other form, columns and data."""
    if not isinstance(split, dict) or set(split) - {"columns", "data", "index"}:
        return None
    columns, data = split.get("columns"), split.get("data")
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        return None
    if not isinstance(data, list) or not all(
        isinstance(row, list) and len(row) == len(columns) for row in data
    ):
        return None
    return [dict(zip(columns, row, strict=True)) for row in data]


def _is_row(row: Any) -> bool:
    if not isinstance(row, Mapping) or len(row) != 1:
        return False
    ((name, value),) = row.items()
    return isinstance(value, {IMAGE: str, PIXELS: list}.get(name, ()))


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a way to receive a body that was read."""
    waiting = [body]

    async def lend() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return lend


def _reason(content: bytes) -> str:
    """Return our own reason in an answer of MLflow's; any other may quote what was sent."""
    try:
        message = str(json.loads(content)["message"])
    except (ValueError, KeyError, TypeError):
        return EXPECTED
    _, mark, reason = message.rpartition(REASON)
    return reason if mark else f"not as the model's signature says: {EXPECTED}"


async def _tell(send: Send, status: int, reason: str) -> None:
    body = json.dumps({"error": reason}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
