"""The web chat, on this machine only: a question in, exact lines of the notes out.

main → chat_server → web_app (which hosts may be spoken to) → build_ui (the page) → ask. What the
page shows is made in ui/render.py. Gradio and uvicorn load when the chat starts, not on import;
annotations are evaluated (no ``from __future__``), because Gradio reads those of its handlers.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import secrets
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import qa
from ui.render import Status, Turn, messages, status_html

if TYPE_CHECKING:
    import gradio as gr
    import uvicorn
    from fastapi import FastAPI

UI = Path(__file__).parent / "ui"
EXAMPLES = ("Hyper-Vのライブマイグレーション対応は？", "XenとXenServerの違いは？", "BYOCとは？")
LOOPBACK = ("127.0.0.1", "localhost")
POLICY = (  # nothing from another host, and no script but Gradio's files and the page's own (nonce)
    "default-src 'self'; script-src 'self' 'nonce-{}'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'"
)
FONTS = ["Noto Sans JP", "Noto Sans CJK JP", "Hiragino Sans", "Yu Gothic UI", "sans-serif"]
INTRO = """<h1>聞き書き <small>kikigaki</small></h1>
<p>ノートに書いてある行を、そのまま引いて答えます。
<span lang="en">Answers with the exact lines of your notes.</span></p>"""
HINT = "ノートに聞きたいことを書いてください\n\n<small>Enterで送る ・ Shift+Enterで改行</small>"
log = logging.getLogger("kikigaki")


class Ask(Protocol):
    """Answers a question, given the earlier questions of the same chat."""

    def __call__(self, question: str, *, history: Sequence[str]) -> qa.Answer:
        """The answer; what it raises is told in the chat."""


def build_ui(ask: Ask, status: Callable[[], Status], examples: Sequence[str]) -> "gr.Blocks":
    """The chat page around ``ask``; ``status`` is polled only while the index is being built."""
    import gradio as gr

    def respond(question: str, turns: list[Turn]) -> Iterator[tuple[Any, ...]]:
        question = question.strip()
        if not question:
            yield gr.skip(), "", gr.skip()
            return
        turn = Turn(question)
        yield messages([*turns, turn]), "", gr.skip()
        try:
            turn = replace(turn, answer=ask(question, history=[turn.question for turn in turns]))
        except Exception as error:
            log.exception("ask failed")
            turn = replace(turn, error=f"{type(error).__name__}: {error}")
        yield messages([*turns, turn]), gr.skip(), [*turns, turn]

    def choose(example: gr.SelectData, turns: list[Turn]) -> Iterator[tuple[Any, ...]]:
        yield from respond(example.value["text"], turns)

    def refresh() -> tuple[str, gr.Timer]:
        now = status()
        return status_html(now), gr.Timer(active=now.busy)

    page = gr.Blocks(title="聞き書き kikigaki", analytics_enabled=False, fill_height=True)
    with page:
        # Markdown, not gr.HTML, which evaluates its template in the browser and so needs eval.
        gr.Markdown(INTRO, elem_id="intro")
        line = gr.Markdown(status_html(status()), elem_id="status", latex_delimiters=[])
        chat = gr.Chatbot(
            elem_id="chat",
            show_label=False,
            scale=1,
            min_height=0,
            layout="panel",
            render_markdown=False,
            latex_delimiters=[],
            allow_tags=False,
            group_consecutive_messages=False,
            autoscroll=False,
            buttons=[],
            placeholder=HINT,
            examples=[{"text": example} for example in examples],
        )
        box = gr.Textbox(
            elem_id="question",
            label="質問",
            show_label=False,
            container=False,
            max_lines=6,
            autofocus=True,
            submit_btn="送る",
            placeholder="質問を書く",
        )
        turns, timer = gr.State([]), gr.Timer(1, active=False)
        asking: dict[str, Any] = {"show_progress_on": chat, "api_visibility": "private"}
        aside: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        asked = box.submit(respond, [box, turns], [chat, box, turns], **asking)
        chosen = chat.example_select(choose, turns, [chat, box, turns], **asking)
        chat.clear(list, outputs=turns, **aside)
        for event in (page.load, timer.tick, asked.then, chosen.then):
            event(refresh, outputs=[line, timer], queue=False, **aside)
    return page


def web_app(page: "gr.Blocks", host: str) -> "FastAPI":
    """The page as an ASGI app that loads nothing from, and sends nothing to, another host."""
    import gradio as gr
    from fastapi import FastAPI
    from fastapi.responses import FileResponse
    from starlette.datastructures import MutableHeaders
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    def guarded(inner: ASGIApp) -> ASGIApp:
        async def outer(scope: Scope, receive: Receive, send: Send) -> None:
            nonce, is_page = secrets.token_urlsafe(16), scope.get("path") == "/"
            if is_page:  # uncompressed, so that its inline scripts can be given the nonce
                plain = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]
                scope = {**scope, "headers": plain}

            async def send_guarded(message: Message) -> None:
                if message["type"] == "http.response.start":
                    headers = MutableHeaders(scope=message)
                    headers["Content-Security-Policy"] = POLICY.format(nonce)
                    headers["Referrer-Policy"] = "no-referrer"
                    headers["X-Content-Type-Options"] = "nosniff"
                    if is_page:
                        del headers["Content-Length"]
                elif is_page and message["type"] == "http.response.body":
                    marked = f'<script nonce="{nonce}"'.encode()
                    message["body"] = message.get("body", b"").replace(b"<script", marked)
                await send(message)

            await inner(scope, receive, send_guarded)

        return outer

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)  # its own pages load from a CDN
    if host in LOOPBACK:  # else a web site whose name is pointed at 127.0.0.1 could read the notes
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(LOOPBACK))
    app.add_middleware(guarded)

    @app.get("/ui/{name}")
    def asset(name: Literal["chat.css", "chat.js"]) -> FileResponse:
        return FileResponse(UI / name, headers={"Cache-Control": "no-cache"})

    mounted: FastAPI = gr.mount_gradio_app(
        app,
        page,
        "/",
        theme=gr.themes.Base(font=FONTS, font_mono=FONTS),
        head='<link rel="stylesheet" href="/ui/chat.css"><script src="/ui/chat.js"></script>',
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
    ask: Ask, status: Callable[[], Status], host: str, examples: Sequence[str] = EXAMPLES
) -> "uvicorn.Server":
    """The chat, ready to ``run(sockets=[listener])`` until its ``should_exit`` is set."""
    import uvicorn

    async def make() -> "FastAPI":  # outside a loop Gradio opens loops of its own, never closed
        return web_app(build_ui(ask, status, examples), host)

    app = asyncio.run(make())

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            for route in app.routes:  # every open tab holds a stream; else the stop waits for them
                if stop := getattr(getattr(route, "app", None), "stop_event", None):
                    stop.set()
            await super().shutdown(sockets)

    return Server(uvicorn.Config(app, log_level="warning", ws="none", timeout_graceful_shutdown=2))


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, taken first of all so that a busy port is told at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the chat until Ctrl-C; returns the exit code."""
    about = "聞き書き: ノートに聞くチャット / a chat over your notes"
    parser = argparse.ArgumentParser(prog="app.py", description=about)
    parser.add_argument("--notes", type=Path, default=os.environ.get("KIKIGAKI_NOTES", "seeds"))
    parser.add_argument("--store", type=Path, default=os.environ.get("KIKIGAKI_STORE"))
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=7860)
    options = parser.parse_args(argv)
    where = f"{options.host}:{options.port}"
    try:
        listener = listen(options.host, options.port)
    except (OSError, OverflowError) as error:
        reason = str(error.args[-1]).partition(" (while")[0].rstrip(".")
        sys.stderr.write(f"{where} は使えません。--port で別の番号を選んでください。 / ")
        sys.stderr.write(f"Cannot listen on {where}: {reason}. Choose another --port.\n")
        return 1
    with contextlib.suppress(KeyboardInterrupt), listener:
        qa.start(options.notes, options.store)
        server = chat_server(qa.ask, lambda: Status(*qa.status()), options.host)
        sys.stdout.write(f"ブラウザで開いてください / Open in your browser: http://{where}\n")
        sys.stdout.flush()
        server.run(sockets=[listener])
    return 0


if __name__ == "__main__":
    sys.exit(main())
