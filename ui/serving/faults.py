"""Faults of the program itself: one line in the log that leads to them, without anybody's text.

An exception's message may quote the question or a note that it came of, and Gradio and Uvicorn
would print it. So the log gets the exception's type and the way to it; the reader is told of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import ParamSpec, TypeVar

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from index.errors import way_to
from index.messages import said

BROKEN = str(said("broken"))
log = logging.getLogger(__name__)
Given = ParamSpec("Given")
Made = TypeVar("Made")


def faults_told(inner: ASGIApp) -> ASGIApp:
    """The app with its exceptions in a line each, and answered."""

    async def outer(scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def send_noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await inner(scope, receive, send_noted)
        except Exception as error:
            if scope["type"] != "http":
                raise
            if not isinstance(error.__cause__, HTTPException):  # Gradio's of an unknown session
                log.error("%s %s: %s", scope["method"], _route(scope), way_to(error))
            if not started:
                await PlainTextResponse(BROKEN, 500)(scope, receive, send)
                return
            with suppress(Exception):  # it was whole, or is of a length that cannot be cut short
                await send({"type": "http.response.body", "body": b""})

    return outer


def handler(made: Callable[Given, Made]) -> Callable[Given, Made]:
    """A handler of Gradio's, which would print the traceback of what it raises."""

    @wraps(made)
    def run(*args: Given.args, **more: Given.kwargs) -> Made:
        try:
            return made(*args, **more)
        except Exception as error:
            import gradio as gr

            log.error("%s failed: %s", made.__name__, way_to(error))
            raise gr.Error(BROKEN, print_exception=False) from None

    return run


def _route(scope: Scope) -> str:
    """Where a request went, without names of notes or whatever else stands in a path."""
    parts = str(scope["path"]).split("/")
    return "/".join(parts[: 3 if parts[1] == "gradio_api" else 2])
