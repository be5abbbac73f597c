"""The chat's web server: what it serves, what a page may load, how it stops.

listen → chat_server → web_app (headers, then door.py: who may speak, then intake.py: how much and
what) → the Gradio page, and what ui/routes.py serves. Gradio's own `launch` is not used: it calls
itself through HTTP_PROXY, prints, and looks for another port.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from index.errors import NotesError
from index.messages import said
from ui.serving.door import Door
from ui.serving.faults import faults_told
from ui.serving.intake import MALFORMED, Intake

if TYPE_CHECKING:
    import gradio as gr
    import uvicorn
    from fastapi import APIRouter, FastAPI

POLICY = (  # nothing from another host, and no script but Gradio's files and the page's own (nonce)
    "default-src 'self'; script-src 'self' 'nonce-{}'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'"
)
FONTS = ["Noto Sans JP", "Noto Sans CJK JP", "Hiragino Sans", "Yu Gothic UI", "sans-serif"]
HEAD = "".join(
    [
        f'<link rel="stylesheet" href="/ui/{name}.css">'
        for name in ("colours", "chat", "cards", "side", "lines", "map", "notes", "talks")
    ]
    + [
        f'<script type="module" src="/ui/{name}.js"></script>'
        for name in ("chat", "source", "words", "map", "notes", "talks")
    ]
)
# What Gradio puts there it puts in late: the theme and the language stand before anything is drawn.
EARLY = b'<head><link rel="stylesheet" href="/ui/colours.css"><script src="/ui/looks.js"></script>'


class PortTaken(NotesError):
    """Raised when the chat cannot listen where it was told to."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, taken before any work so that a busy port is told at once.

    Raises:
        PortTaken: the port is in use or out of range, or the host is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        reason = str(error.args[-1]).partition(" (while")[0].rstrip(".")
        raise PortTaken(said("port_taken", host=host, port=port, reason=reason)) from error


def guarded(inner: ASGIApp) -> ASGIApp:
    """The app with headers on whatever it answers: its pages load nothing from elsewhere."""

    async def outer(scope: Scope, receive: Receive, send: Send) -> None:
        nonce, is_page = secrets.token_urlsafe(16), scope.get("path") == "/"
        if is_page:  # uncompressed, so that its inline scripts can be given the nonce
            plain = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]
            scope = {**scope, "headers": plain}

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = POLICY.format(nonce)
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
                headers["Cross-Origin-Opener-Policy"] = "same-origin"
                headers["Referrer-Policy"] = "no-referrer"
                headers["X-Content-Type-Options"] = "nosniff"
                if is_page:
                    del headers["Content-Length"]
            elif is_page and message["type"] == "http.response.body":
                marked = f'<script nonce="{nonce}"'.encode()
                body = message.get("body", b"").replace(b"<head>", EARLY, 1)
                message["body"] = body.replace(b"<script", marked)
            await send(message)

        await inner(scope, receive, send_guarded)

    return outer


def _misread(request: Request, error: Exception) -> PlainTextResponse:
    """The answer to a parameter that does not fit; FastAPI's own would repeat it."""
    return PlainTextResponse(MALFORMED, 422)


def web_app(page: gr.Blocks, routes: APIRouter, host: str, login: bytes = b"") -> FastAPI:
    """The page as an ASGI app that loads nothing from, and sends nothing to, another host."""
    import gradio as gr
    from fastapi import FastAPI
    from fastapi.exceptions import RequestValidationError

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)  # its own pages load from a CDN
    app.add_exception_handler(RequestValidationError, _misread)
    app.add_middleware(Intake, page=page)
    app.add_middleware(Door, host=host, login=login)
    app.add_middleware(faults_told)
    app.add_middleware(guarded)  # the outermost: refusals get the headers too
    app.include_router(routes)
    mounted: FastAPI = gr.mount_gradio_app(
        app,
        page,
        "/",
        theme=gr.themes.Base(font=FONTS, font_mono=FONTS),
        head=HEAD,
        footer_links=[],
        run_history=False,
        show_error=False,
        enable_monitoring=False,
        mcp_server=False,
        ssr_mode=False,
        pwa=False,
    )
    return mounted


def chat_server(
    build_page: Callable[[], gr.Blocks], routes: APIRouter, host: str, login: bytes = b""
) -> uvicorn.Server:
    """The chat, ready to `run(sockets=[listener])` until its `should_exit` is set.

    Args:
        build_page: makes the Gradio page.
        routes: what is served besides; see `ui.routes`.
        host: where it listens, as it was given to `listen`.
        login: what `door.login` gave; empty asks for no password.
    """
    import uvicorn

    from ui.serving.connection import Connection

    async def make() -> FastAPI:  # outside a loop Gradio opens loops of its own, never closed
        return web_app(build_page(), routes, host, login)

    app = asyncio.run(make())

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            for route in app.routes:  # every open tab holds a stream; else the stop waits for them
                if stop := getattr(getattr(route, "app", None), "stop_event", None):
                    stop.set()
            await super().shutdown(sockets)

    # Uvicorn warns of each request that is not HTTP, as often as somebody sends one.
    config = uvicorn.Config(
        app, http=Connection, ws="none", log_level="error", timeout_graceful_shutdown=2
    )
    return Server(config)
