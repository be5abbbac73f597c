"""What a request may bring along: bytes, time, and for Gradio only its own shapes.

    request ▶ address ▶ body, at most as large as its route needs ▶ shape, for Gradio ▶ the page

Gradio prints a traceback, with the question in it, for whatever does not fit its handlers. So it is
given only what the page itself could have sent, written anew from what was read here.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Annotated
from urllib.parse import unquote_to_bytes

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from index.messages import said

if TYPE_CHECKING:
    import gradio as gr
    from gradio.blocks import Block

# A browser keeps 5 million characters for a site, each of up to three bytes: no conversation has
# more. As a JSON text within JSON it has not either, since only letters of one byte are escaped.
TALK_BYTES = 16_000_000
QUESTION_BYTES = 1_000_000  # a pasted book; of Japanese 330,000 characters
NAMED_BYTES = 1_000  # the names of a session and of an event
BODIES = {  # what the routes need, in bytes; any other gets no body at all
    "/export": TALK_BYTES,
    "/gradio_api/run/predict": 2 * TALK_BYTES,  # the value of a field, and again as its event's
    "/gradio_api/queue/join": QUESTION_BYTES,
    "/gradio_api/cancel": NAMED_BYTES,
    "/gradio_api/reset": NAMED_BYTES,
}
STREAMED = "/notes/"  # is read piece by piece, and limited by index.folder.MAX_BYTES
TARGET_BYTES = 65_536  # An address with the names of forty files put in at once is as long.
FILE_LETTERS = 255  # of Gradio's own files: the system refuses longer names with an error
SECONDS = 20.0  # without a byte of the body; nothing on the way to this machine takes as long
TOO_LARGE = str(said("request_too_large"))
TOO_LONG = str(said("address_too_long"))
TOO_SLOW = str(said("request_too_slow"))
MALFORMED = str(said("malformed"))
NOTHING = str(said("nothing_here"))
_NO_ESCAPE = re.compile(rb"%(?![\da-fA-F]{2})")

Name = Annotated[str, StringConstraints(pattern=r"^[\w-]{1,64}$", strict=True)]
Strict = ConfigDict(strict=True)


class Refused(Exception):
    """Raised when a request is not let through; says how it is answered."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class _Cancel(BaseModel):
    model_config = Strict
    session_hash: Name
    fn_index: int
    event_id: Name


class _Reset(BaseModel):
    model_config = Strict
    event_id: Name


class _Text(BaseModel):
    model_config = Strict
    text: str


class _Chosen(BaseModel):
    model_config = Strict
    index: int
    value: _Text


class _Event(BaseModel):
    model_config = Strict
    session_hash: Name
    fn_index: int
    data: list[str | list[str] | None]
    trigger_id: int | None = None
    event_data: object = None


class Intake:
    """Hands a request on to the app behind with its whole body, or answers why not."""

    def __init__(self, inner: ASGIApp, page: gr.Blocks) -> None:
        """Name the page whose handlers Gradio is asked to run."""
        self._inner = inner
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        try:
            _check_address(scope)
            if scope["path"].startswith(STREAMED):
                await self._inner(scope, _in_time(receive), send)
                return
            body = await _whole_body(scope, receive)
            if body is None:
                return  # nobody is there to be answered
            if scope["method"] == "POST":
                body = self._checked(scope, body)
        except Refused as refused:
            headers = {"Connection": "close"} if refused.status == 408 else None
            await PlainTextResponse(str(refused), refused.status, headers)(scope, receive, send)
            return
        await self._inner(scope, _replayed(body, receive), send)

    def _checked(self, scope: Scope, body: bytes) -> bytes:
        """The body as Gradio gets it; as it came, for other routes."""
        path = scope["path"]
        if not path.startswith("/gradio_api/"):
            return body
        kind = Headers(scope=scope).get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise Refused(415, MALFORMED)
        try:
            if path.endswith("/cancel"):
                return _Cancel.model_validate_json(body).model_dump_json().encode()
            if path.endswith("/reset"):
                return _Reset.model_validate_json(body).model_dump_json().encode()
            return self._event(body, queued=path.endswith("/join")).model_dump_json().encode()
        except ValidationError:
            raise Refused(422, MALFORMED) from None

    def _event(self, body: bytes, *, queued: bool) -> _Event:
        """An event of the page, with as much of its data as its handler takes.

        Raises:
            Refused: the page has no such event, or its fields hold something else.
            ValidationError: it is not even of an event's shape.
        """
        event = _Event.model_validate_json(body)
        called = self._page.fns.get(event.fn_index)
        if called is None or called.fn is None or called.queue is not queued:
            raise Refused(422, MALFORMED)
        same = len(event.data) == len(called.inputs)
        if not same or not all(map(_fits, called.inputs, event.data)):
            raise Refused(422, MALFORMED)
        chosen = _Chosen.model_validate(event.event_data) if called.collects_event_data else None
        return event.model_copy(update={"event_data": chosen})


def _fits(field: Block, value: str | list[str] | None) -> bool:
    """Whether a field of the page can hold a value; what the server keeps is never sent."""
    if value is None or field.stateful:
        return value is None
    return isinstance(value, list) == bool(getattr(field, "multiselect", False))


def _check_address(scope: Scope) -> None:
    """Raise Refused for an address that is too long, or whose query is not in UTF-8."""
    query: bytes = scope["query_string"]
    if len(scope["raw_path"]) + len(query) > TARGET_BYTES:
        raise Refused(414, TOO_LONG)
    if scope["path"].startswith(("/assets/", "/static/")) and len(scope["path"]) > FILE_LETTERS:
        raise Refused(404, NOTHING)
    try:
        unquote_to_bytes(query).decode()
    except UnicodeDecodeError:
        raise Refused(400, MALFORMED) from None
    if _NO_ESCAPE.search(query):
        raise Refused(400, MALFORMED)


async def _whole_body(scope: Scope, receive: Receive) -> bytes | None:
    """The body; None when the client goes away before its end.

    Raises:
        Refused: it is larger than its route needs, or it does not come.
    """
    most = BODIES.get(scope["path"], 0)
    if int(Headers(scope=scope).get("content-length", "0")) > most:
        raise Refused(413, TOO_LARGE)
    body = bytearray()
    more = True
    while more:
        message = await _soon(receive)
        if message is None:
            raise Refused(408, TOO_SLOW)
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > most:  # in pieces without a length; what is left is read and dropped
            raise Refused(413, TOO_LARGE)
        more = message.get("more_body", False)
    return bytes(body)


async def _soon(receive: Receive) -> Message | None:
    """The next message; None when it does not come in time."""
    try:
        return await asyncio.wait_for(receive(), SECONDS)
    except asyncio.TimeoutError:  # the built-in one only from Python 3.11 on
        return None


def _in_time(receive: Receive) -> Receive:
    """A body whose client counts as gone when it falls silent."""

    async def next_message() -> Message:
        return await _soon(receive) or {"type": "http.disconnect"}

    return next_message


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A body that was read before; then what else comes, which is that the client goes away."""
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return left.pop() if left else await receive()

    return next_message
