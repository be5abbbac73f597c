"""Debian's Chromium against the real page and server: a plugin of fixtures, and what tests call."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from conftest import EXAMPLE, SEEDS
from playwright.sync_api import Browser, Page, expect, sync_playwright

import app
from index.storage.store import Store
from qa import Answer
from ui.desk import Desk, Status
from ui.routes import routes
from ui.serving.server import chat_server, listen

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="Chromium がありません: sudo apt install chromium fonts-noto-cjk"
)
BOX = "#question textarea"
expect.set_options(timeout=30_000)  # ms; on a busy machine a page takes its time


class Asked:
    """A desk whose answers a test makes, over no folder of notes."""

    def __init__(self, ask: Callable[..., Answer]) -> None:
        self.ask = ask
        self.status: Callable[[], Status] = Status
        self.note = self.similar = lambda *_: None
        self.filters = lambda: ([], [])
        self.examples = lambda: [EXAMPLE, "BYOCとは？"]
        self.suggestions = lambda *_: []


@contextmanager
def serving(desk: Desk | Asked, login: bytes = b"") -> Iterator[str]:
    """The chat on a free port, for as long as the block runs; gives its address."""
    listener = listen("127.0.0.1", 0)
    servers = []

    def run() -> None:  # made there too: Playwright keeps an event loop running in this thread
        build_page = partial(app.build_page, desk)
        servers.append(chat_server(build_page, routes(desk, may_write=True), "127.0.0.1", login))
        servers[0].run(sockets=[listener])

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        servers[0].should_exit = True
        thread.join(timeout=10)
        listener.close()
    assert not thread.is_alive()


@pytest.fixture(scope="module")  # not longer: it keeps an event loop running in this thread
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = play.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def seeds_chat(seeds_store: Store) -> Iterator[str]:
    """The user's note behind the real desk and model."""
    desk = Desk(SEEDS, seeds_store.folder)
    desk.start()
    with serving(desk) as address:
        while desk.status().following.busy:
            time.sleep(0.1)
        yield address
    desk.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails the test when anything is asked of another host, or a dialog opens."""
    context = browser.new_context(locale="ja-JP", viewport={"width": 1100, "height": 900})
    opened = context.new_page()
    abroad: list[str] = []
    context.on(
        "request",
        lambda request: (
            None
            if request.url.startswith(("http://127.0.0.1:", "data:", "blob:"))
            else abroad.append(request.url)
        ),
    )
    dialogs: list[str] = []
    opened.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    yield opened
    context.close()
    assert abroad == []
    assert dialogs == []


def send(page: Page, question: str) -> None:
    page.fill(BOX, question)
    page.press(BOX, "Enter")
