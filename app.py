"""The web chat, on this machine only: a question in, exact lines of the notes out.

main → Desk (asking, and the index kept up to date behind) → build_page → chat_server. What the page
shows is made in ui/render.py and ui/filter_row.py, how it is served in ui/serving/. Gradio loads
when the chat starts, not on import; annotations are evaluated (no `from __future__`), because
Gradio reads its handlers'.
"""

import argparse
import asyncio
import logging
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from index.errors import NotesError, way_to
from index.messages import said
from index.settings import notes_folder, store_folder
from index.terminal import whole_number, writable
from ui.desk import Desk
from ui.html import beside, rendered
from ui.notes_panel import status_html
from ui.render import Turn, messages
from ui.routes import routes
from ui.serving.door import is_loopback, login
from ui.serving.faults import handler
from ui.serving.server import chat_server, listen
from ui.turns import earlier, read_talk, record, stopped

if TYPE_CHECKING:
    import gradio as gr

# The button of the question box, idle and while a question is being asked.
SEND: dict[str, Any] = {"submit_btn": beside(said("send")), "stop_btn": False}
STOP: dict[str, Any] = {"submit_btn": False, "stop_btn": beside(said("stop"))}
TABS = 4  # questions answered at a time, so that one that waits does not hold up another tab's
BUSY_SECONDS, IDLE_SECONDS = 1, 3  # between two looks at how the index stands
log = logging.getLogger(__name__)


def build_page(desk: Desk) -> "gr.Blocks":
    """The chat page over a desk, which is polled: notes may change at any time."""
    import gradio as gr

    from ui.filter_row import FilterRow, Offered, read_fields

    @handler
    def drawn(now: list[Turn], button: dict[str, Any], *text: str) -> dict[Any, Any]:
        """The chat as it is now, kept in the browser too, and the question box."""
        kept = gr.Textbox(label=record(now))
        return {chat: messages(now), asked: now, talk: kept, box: gr.Textbox(*text, **button)}

    async def respond(
        question: str, turns: list[Turn], *fields: object
    ) -> AsyncIterator[dict[Any, Any]]:
        question = question.strip()
        within, wrong = read_fields(fields)
        if wrong or not question:
            row = narrowing.told(within, wrong, opened=bool(wrong))
            yield dict(zip(narrowing.line, row, strict=True))  # what is typed meanwhile stays
            return
        turn = Turn(question, when=time.time())
        # Drawing takes as long as the chat is, so it is done in a thread too.
        yield await asyncio.to_thread(drawn, [*turns, turn], STOP, "")
        try:
            # In a thread, so that stopping need not wait for it: what it finds is then dropped.
            history = earlier(turns, question)
            asking = partial(desk.ask, question, history=history, within=within)
            answer = await asyncio.to_thread(asking)
            asked_so_far = [turn.question for turn in (*turns, turn)]
            offering = partial(desk.suggestions, answer, within, asked_so_far)
            suggestions = await asyncio.to_thread(offering)
            turn = replace(turn, answer=answer, suggestions=tuple(suggestions))
        except NotesError as error:
            turn = replace(turn, error=str(error))
        except Exception as error:  # whatever it is, the chat stays usable and says so
            log.error("ask failed: %s", way_to(error))
            turn = replace(turn, error=f"{type(error).__name__}: {error}")
        yield await asyncio.to_thread(drawn, [*turns, turn], SEND)

    async def choose(
        example: gr.SelectData, turns: list[Turn], *fields: object
    ) -> AsyncIterator[dict[Any, Any]]:
        async for drawing in respond(example.value["text"], turns, *fields):
            yield drawing

    @handler
    def refresh(
        seen: Offered, examples: list[str], folder: str | None, tags: list[str]
    ) -> list[Any]:
        now = desk.status()
        offers, dropdowns = narrowing.offered(desk.filters(), seen, folder, tags)
        seconds = BUSY_SECONDS if now.following.busy else IDLE_SECONDS
        found = desk.examples()  # once there are notes to make them of
        begun = gr.Chatbot(examples=[{"text": text} for text in found])
        first = [gr.skip(), gr.skip()] if found == examples else [begun, found]
        return [status_html(now), gr.Timer(seconds), offers, *first, *dropdowns]

    page = gr.Blocks(title="聞き書き kikigaki", analytics_enabled=False, fill_height=True)
    with page:
        # Markdown, not gr.HTML, which evaluates its template in the browser and so needs eval.
        gr.Markdown(rendered("intro.html"), elem_id="intro")
        line = gr.Markdown(status_html(desk.status()), elem_id="status", latex_delimiters=[])
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
            placeholder=rendered("hint.html"),
        )
        narrowing = FilterRow()
        box = gr.Textbox(
            elem_id="question",
            label=beside(said("question")),
            show_label=False,
            container=False,
            max_lines=6,
            autofocus=True,
            placeholder=beside(said("write_question")),
            **SEND,
        )
        # Between the page's script, which writes the value, and the label, which it reads. A reader
        # never sees it; see ui/web/talks.js.
        talk = gr.Textbox(elem_id="talk", visible="hidden")
        asked, offers, begun = gr.State([]), gr.State(([], [])), gr.State([])
        timer = gr.Timer(BUSY_SECONDS)
        # Fields are read here, not by Gradio, which prints a traceback for a choice unknown to it.
        private: dict[str, Any] = {"api_visibility": "private", "preprocess": False}
        queued = {"show_progress_on": chat, "concurrency_limit": TABS, **private}
        aside = {"show_progress": "hidden", **private}
        given = [asked, *narrowing.fields]
        state = [chat, box, asked, talk]
        sent = box.submit(respond, [box, *given], [*state, *narrowing.line], **queued)
        chosen = chat.example_select(choose, given, [*state, *narrowing.line], **queued)
        ending: dict[str, Any] = {"cancels": [sent, chosen], "queue": False, **aside}
        box.stop(lambda turns: drawn(stopped(turns), SEND), asked, state, **ending)
        restore = handler(lambda kept: drawn(read_talk(kept or ""), SEND))
        talk.change(restore, talk, state, **ending)
        seen = [offers, begun]
        polled = [line, timer, offers, chat, begun, *narrowing.choices]
        for event in (page.load, timer.tick, sent.then, chosen.then):
            event(refresh, [*seen, *narrowing.choices], polled, queue=False, **aside)
    return page


def main(argv: Sequence[str] | None = None) -> int:
    """Run the chat until Ctrl-C; returns the exit status: 0 ended, 1 a named error."""
    parser = argparse.ArgumentParser(prog="app.py", description=said("chat_does").local)
    parser.add_argument("--notes", metavar="DIR", help=said("notes_flag").local)
    parser.add_argument("--store", metavar="DIR", help=said("store_flag").local)
    host = os.environ.get("KIKIGAKI_HOST") or "127.0.0.1"
    port = os.environ.get("KIKIGAKI_PORT") or "7860"
    parser.add_argument("--host", default=host, help=said("host_flag").local)
    parser.add_argument("--port", default=port, type=whole_number, help=said("port_flag").local)
    options = parser.parse_args(argv)
    writable(sys.stdout, sys.stderr)
    notes = notes_folder(options.notes)
    try:
        # From the environment alone: everyone on the machine can see a command's flags.
        secret = login(
            os.environ.get("KIKIGAKI_USER") or "", os.environ.get("KIKIGAKI_PASSWORD") or ""
        )
        desk = Desk(notes, store_folder(notes, options.store))
        listener = listen(options.host, options.port)
    except NotesError as error:
        sys.stderr.write(error.said.local + "\n")
        return 1
    with suppress(KeyboardInterrupt), listener:
        desk.start()
        server = chat_server(
            lambda: build_page(desk),
            routes(desk, may_write=bool(secret) or is_loopback(options.host)),
            options.host,
            secret,
        )
        name = f"[{options.host}]" if ":" in options.host else options.host
        where = f"http://{name}:{options.port}"
        sys.stdout.write(said("open_in_browser", address=where).local + "\n")
        if not is_loopback(options.host):
            warning = said("unencrypted" if secret else "open_to_all")
            sys.stdout.write(warning.local + "\n")
        sys.stdout.flush()
        server.run(sockets=[listener])
    return 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    # Not sys.exit: the build thread may be deep in torch, which can crash while Python takes itself
    # down. What it has committed is safe, and the next start goes on from there.
    os._exit(status)
