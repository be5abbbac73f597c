"""The chat in a real browser: Debian's Chromium against the real page, server and store."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from chromium import BOX, Asked, needs_chromium, send, serving
from conftest import EXAMPLE, ROOT, BigramEncoder, write_notes
from playwright.sync_api import Browser, Page, expect
from test_commands import OFFLINE

import app
import index.models.encoder
from index import build, open_store
from index.filters import Filter
from index.folder import Skipped
from index.messages import said
from index.notes import Note
from index.storage.store import Store
from index.sync.watch import Following
from qa import Answer, Citation, ask
from ui.desk import Desk, Status
from ui.note_page import note_page
from ui.render import Turn, answer_html
from ui.serving.door import login

EVIL_NAME = "<img src=x onerror=alert(1)> **太字**.md"
EVIL = (
    "危険な行 <script>alert(2)</script> <img src=x onerror=alert(3)> <img src=http://example.com/>"
    " [飛ぶ](javascript:alert(4)) **太字** $x^2$ $$y$$ <details open ontoggle=alert(5)>"
    " &lt;b&gt; `code` {{1+1}} ${1+1} [1] 😀\tタブ"
)


@needs_chromium
@pytest.mark.model
def test_the_example_is_answered_with_its_sources(page: Page, seeds_chat: str) -> None:
    page.goto(seeds_chat)
    page.get_by_role("button", name=EXAMPLE).click()
    marks = page.locator(".card mark")
    expect(marks).to_have_count(2)
    expect(marks.nth(0)).to_contain_text("VMotionに対応する機能は現時点でHyper-Vにはない")
    expect(marks.nth(1)).to_contain_text("WindowsServer2008R2ではライブマイグレーションを搭載予定")
    card = page.locator(".card").first
    expect(card).to_contain_text("仮想化集中セミナー参加メモ.txt › ")
    expect(card).to_contain_text("160行、161行")

    send(page, "カレーの作り方を教えて")
    last = page.locator(".bot-row").last
    expect(last).to_contain_text("ノートには見つかりませんでした")
    expect(last).to_contain_text("「カレー」")
    expect(last).to_contain_text("答えではありませんが、いちばん近い箇所")
    expect(last.locator("mark")).to_have_count(0)


@needs_chromium
@pytest.mark.model
def test_keys_and_odd_questions(page: Page, seeds_chat: str) -> None:
    page.goto(seeds_chat)
    page.press(BOX, "Enter")
    page.type(BOX, "一行目")
    page.press(BOX, "Shift+Enter")
    page.type(BOX, "変換中")
    page.evaluate(
        """() => {  // the Enter that confirms a conversion: in Chromium's order, then in Safari's
          const box = document.querySelector("#question textarea");
          const key = (type, init) => box.dispatchEvent(new KeyboardEvent(
            type, { key: "Enter", code: "Enter", bubbles: true, cancelable: true, ...init }));
          const composition = (type) =>
            box.dispatchEvent(new CompositionEvent(type, { bubbles: true, data: "変換" }));
          composition("compositionstart");
          key("keydown", { isComposing: true, keyCode: 229 });
          key("keypress", { isComposing: true });
          composition("compositionend");
          composition("compositionstart"); composition("compositionend");
          key("keydown", { keyCode: 229 }); key("keypress", { keyCode: 13 });
        }"""
    )
    page.wait_for_timeout(500)
    expect(page.locator(BOX)).to_have_value("一行目\n変換中")
    expect(page.locator(".message-row")).to_have_count(0)

    send(page, "😀😀😀")
    expect(page.locator(".bot-row").last).to_contain_text("探せる言葉がありません")
    send(page, "Xenとは？" + "あ" * 100_000)
    expect(page.locator(".bot-row").last).to_contain_text("1,000")
    send(page, "Xen\u0007は\u202e何？\u0085")
    expect(page.locator(".bot-row")).to_have_count(3)
    expect(page.locator(".bot-row").last.locator(".card").first).to_be_visible()
    send(page, "BYOCとは？")
    expect(page.locator(".bot-row").last.locator("mark").first).to_contain_text("BYOC")


def settled(page: Page) -> None:
    """Wait until the conversation has stayed as it is for a second: what was sent may come late."""
    page.evaluate(
        """() => new Promise((done) => {
          let timer = setTimeout(done, 1000);
          new MutationObserver(() => {
            clearTimeout(timer);
            timer = setTimeout(done, 1000);
          }).observe(document.querySelector("#chat"), { childList: true, subtree: true });
        })"""
    )


@needs_chromium
def test_fifty_questions_at_once(page: Page, store: Store) -> None:
    with serving(Asked(partial(ask, store=store))) as address:
        page.goto(address)
        expect(page.locator(BOX)).to_be_visible()
        page.evaluate(
            """async () => {
              const box = document.querySelector("#question textarea");
              for (let n = 0; n < 50; n++) {
                box.value = `質問${n} 粗大ごみは？`;
                box.dispatchEvent(new Event("input", { bubbles: true }));
                await new Promise((done) => setTimeout(done, 10));
                box.dispatchEvent(new KeyboardEvent("keypress", { key: "Enter", bubbles: true }));
              }
            }"""
        )
        expect(page.locator(".wait")).to_have_count(0)
        expect(page.locator(".bot-row")).not_to_have_count(0)
        expect(page.get_by_role("button", name="送る")).to_be_visible()
        settled(page)
        asked = page.locator(".bot-row").count()
        assert page.locator(".user-row").count() == asked  # none is left without its answer
        send(page, "カレーの作り方は？")
        expect(page.locator(".bot-row")).to_have_count(asked + 1)
        expect(page.locator(".bot-row").last.locator("mark").first).to_contain_text("カレー")


@needs_chromium
def test_a_note_full_of_markup_is_shown_as_text(
    page: Page, tmp_path: Path, encoder: BigramEncoder
) -> None:
    folder = write_notes(tmp_path / "notes", {EVIL_NAME: f"{EVIL}\n", "長い.txt": "長い行" * 1_700})
    build(folder, tmp_path / "store", encoder=encoder)
    with (
        open_store(tmp_path / "store", encoder=encoder) as store,
        serving(Asked(partial(ask, store=store))) as address,
    ):
        page.goto(address)
        question = f"危険な行は？ {EVIL}"
        send(page, question)
        card = page.locator(".card").first
        expect(card.locator("pre")).to_have_text(EVIL)
        assert "".join(card.locator("mark").all_text_contents()) in EVIL
        expect(card.locator("header")).to_contain_text(EVIL_NAME)
        expect(page.locator(".user-row .md").first).to_have_text(question)
        made = page.locator("#chat .md :is(script, img, iframe, code, strong, details[ontoggle])")
        expect(made).to_have_count(0)
        hrefs = page.locator("#chat .md a").evaluate_all(
            "all => all.map(a => a.getAttribute('href'))"
        )
        places = [
            f"/{kind}/{quote(name)}?{at}=1"
            for kind, at in (("note", "at"), ("similar", "line"))
            for name in (EVIL_NAME, "長い.txt")
        ]
        assert all(href.startswith(tuple(places)) for href in hrefs)
        send(page, "長い行")
        expect(page.locator(".bot-row").last.locator("mark").first).to_contain_text("長い行")


@needs_chromium
def test_a_citation_opens_its_note(
    page: Page, tmp_path: Path, store: Store, notes: Path, store_folder: Path
) -> None:
    desk = Desk(notes, store_folder)
    desk.ask = partial(ask, store=store)  # type: ignore[method-assign]
    with serving(desk) as address:
        page.goto(address)
        send(page, "粗大ごみはいつ出す？")
        link = page.locator(".card header a").first
        expect(link).to_contain_text("仕事/引越し.txt › ")
        link.click()
        side = page.locator("#side")
        expect(side.locator("h2").first).to_have_text("仕事/引越し.txt › 引越しの準備 › 3行")
        expect(side.locator("mark")).to_have_text("粗大ごみは水曜に出す")
        expect(side.locator("#L3 mark")).to_be_in_viewport()
        page.keyboard.press("Escape")
        expect(side).to_be_hidden()
        expect(link).to_be_focused()
        with page.context.expect_page() as opened:
            link.click(modifiers=["Control"])
        note = opened.value
        expect(note.locator("#L3 mark")).to_be_in_viewport()
        assert note.evaluate(
            "[getComputedStyle(document.querySelector('li')).whiteSpace, opener]"
        ) == ["pre-wrap", None]  # its style sheet is there
        assert page.url == address  # the chat stays open
    desk.close()


BUDGETS = {
    "仕事/今年/会議.md": "---\ntags: [会議, 予算]\ndate: 2024-04-08\n---\nサーバーを二台買う。\n",
    "仕事/去年.md": "---\ntags: [会議]\ndate: 2023-04-08\n---\nサーバーを三台買う。\n",
    "家/机.md": "---\ndate: 2022-01-01\n---\nサーバーを一台買う。机の下に置く。\n",
}
ROW, SAID = "#filter .label-wrap", "#filter .label-wrap span:first-child"
FOLDER, TAGS = "フォルダ", "タグ"


@pytest.fixture
def desk_chat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoder: BigramEncoder
) -> Iterator[tuple[str, Path]]:
    """A living folder of notes behind the real desk: the chat's address, and the folder."""
    monkeypatch.setattr(index.models.encoder, "_load", lambda _: encoder)
    monkeypatch.setattr(index.models.encoder, "_loaded", {})
    monkeypatch.setattr(app, "IDLE_SECONDS", 0.2)
    folder = write_notes(tmp_path / "notes", BUDGETS)
    desk = Desk(folder, tmp_path / "store")
    desk.start()
    with serving(desk) as address:
        yield address, folder
    desk.close()


@needs_chromium
def test_a_filter_is_set_by_keyboard_for_one_tab_and_cleared(
    page: Page, desk_chat: tuple[str, Path]
) -> None:
    address, _ = desk_chat
    page.goto(address)
    expect(page.locator(BOX)).to_be_focused()  # so that it takes the focus from nobody
    other = page.context.new_page()
    other.goto(address)
    row, question = page.locator(ROW), "サーバーは何台買う？"
    said, last = page.locator(SAID), page.locator(".bot-row").last
    expect(page.get_by_label(FOLDER)).to_be_hidden()
    row.press("Enter")
    expect(row).to_have_attribute("aria-expanded", "true")
    page.get_by_label(FOLDER).focus()
    page.keyboard.type("仕")
    expect(page.get_by_role("option", name="仕事/", exact=True)).to_be_visible()
    page.keyboard.press("Enter")
    expect(said).to_have_text("絞り込み: 仕事/")
    page.get_by_label(TAGS).focus()
    page.keyboard.type("会")
    page.keyboard.press("Enter")
    page.get_by_label("この日まで").focus()
    page.keyboard.type("２０２３年")
    page.keyboard.press("Enter")
    expect(row).to_contain_text("絞り込み: 仕事/ · #会議 · 2023-12-31 まで")
    row.press("Enter")
    expect(page.get_by_label(FOLDER)).to_be_hidden()
    expect(row).to_contain_text("仕事/")  # seen though it is closed
    send(page, question)
    expect(last).to_contain_text("ノート 1 件だけで探しました")
    expect(last.locator(".card mark")).to_have_text(["サーバーを三台買う。"])

    send(other, question)  # another tab asks everything
    answer = other.locator(".bot-row").last
    expect(answer.locator(".card").first).to_be_visible()
    expect(answer).not_to_contain_text("だけで探しました")
    expect(other.locator(SAID)).to_have_text("絞り込み")

    row.press("Enter")
    page.get_by_label("この日まで").fill("十三月")
    send(page, question)  # nothing is asked with half a filter
    expect(page.get_by_role("alert")).to_contain_text("この日まで: 日付が分かりません: 十三月")
    expect(page.locator(BOX)).to_have_value(question)
    expect(page.locator(".user-row")).to_have_count(1)
    page.get_by_role("button", name="解除").press("Enter")
    expect(said).to_have_text("絞り込み")
    expect(row).to_be_focused()
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_label(FOLDER)).to_have_value("すべて")
    expect(page.get_by_label("この日まで")).to_have_value("")
    page.press(BOX, "Enter")
    expect(page.locator(".bot-row")).to_have_count(2)
    expect(last).not_to_contain_text("だけで探しました")
    expect(last).to_contain_text("机.md")


@needs_chromium
def test_a_saved_note_is_answered_in_the_open_page(page: Page, desk_chat: tuple[str, Path]) -> None:
    address, folder = desk_chat
    page.goto(address)
    expect(page.locator(BOX)).to_be_focused()  # so that it takes the focus from nobody
    page.locator(ROW).click()
    page.get_by_label(FOLDER).focus()
    page.keyboard.type("家")
    expect(
        page.get_by_role("option", name="家/", exact=True)
    ).to_be_visible()  # once the notes are read
    page.keyboard.press("Enter")
    expect(page.locator(SAID)).to_have_text("絞り込み: 家/")
    send(page, "猫はどこで丸くなる？")
    expect(page.locator(".bot-row").last).to_contain_text("ノートには見つかりませんでした")
    write_notes(folder, {"家/猫.md": "猫はコタツで丸くなる。#観察\n"})
    expect(page.locator("#status")).to_contain_text("猫.md")
    expect(page.get_by_label(FOLDER)).to_have_value("家/")  # new choices leave what is chosen
    page.get_by_label(TAGS).focus()
    for tag in ("会議", "予算", "観察"):
        expect(page.get_by_role("option", name=tag)).to_be_visible()
    send(page, "猫はどこで丸くなる？")
    expect(page.locator(".bot-row").last.locator("mark")).to_have_text(
        "猫はコタツで丸くなる。#観察"
    )

    folder.rename(folder.with_name("away"))
    notice = page.locator("#status .notice")
    expect(notice).to_contain_text("ノートのフォルダがありません")
    folder.with_name("away").rename(folder)
    expect(notice).to_have_count(0)


@needs_chromium
def test_the_timer_disturbs_nobody(
    page: Page, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "BUSY_SECONDS", 0.1)
    looks: list[int] = []

    def status() -> Status:
        looks.append(1)
        skipped = tuple(Skipped(f"{n}.bin", said("binary")) for n in range(1 + len(looks) // 5))
        names = (f"{'長い' * (len(looks) % 3 * 20)}名前.md",)
        following = Following(busy=True, changed=time.time(), names=names)
        return Status(9, 9_999, len(looks), skipped, following)

    tags: list[str] = []
    desk = Asked(partial(ask, store=store))
    desk.status, desk.filters = status, lambda: ([], tags)
    with serving(desk) as address:
        page.goto(address)
        count = page.locator("#status button")
        count.focus()
        before = page.locator("#question").bounding_box()

        def pass_some() -> None:
            expect(count).not_to_have_text(count.text_content() or "")

        pass_some()
        expect(count).to_be_focused()
        page.focus(BOX)
        page.evaluate("window.box = document.activeElement")
        text = "きょうは何をした？"
        for letter in text:
            page.keyboard.type(letter)
            tags.append(letter)
            page.wait_for_timeout(80)
        pass_some()
        assert page.evaluate("document.activeElement === window.box")
        expect(page.locator(BOX)).to_have_value(text)
        assert page.locator("#question").bounding_box() == before
        page.locator(ROW).click()  # and so in the filter, with new tags at each look
        page.get_by_label("ファイル名").focus()
        for letter in text:
            page.keyboard.type(letter)
            tags.append(f"{letter}{letter}")
            page.wait_for_timeout(80)
        expect(page.get_by_label("ファイル名")).to_have_value(text)
        expect(page.get_by_label("ファイル名")).to_be_focused()


@pytest.mark.parametrize(
    ("fields", "within"),
    [
        ((None, None, None, None, None), None),  # a row that was never opened
        (("", [], " ", "", " "), None),
        (("仕事", ["会議"], "", "", ""), Filter(folder="仕事", tags=("会議",))),
        (
            ("", [], "録", "２０２４年２月", "2024-02"),
            Filter("", "録", (), "2024-02-01", "2024-02-29"),
        ),
    ],
)
def test_what_the_fields_ask_for(fields: tuple[Any, ...], within: Filter | None) -> None:
    from ui.filter_row import read_fields

    assert read_fields(fields) == (within, [])


@pytest.mark.parametrize(
    ("since", "until", "wrong"),
    [("13月", "", 1), ("", "2024-13", 1), ("x", "y", 2), ("2024-05", "2024-04", 1)],
)
def test_half_a_filter_is_none(since: str, until: str, wrong: int) -> None:
    from ui.filter_row import read_fields

    within, said = read_fields(("仕事", [], "", since, until))
    assert within is None
    assert len(said) == wrong


def test_pages_of_a_document_are_shown() -> None:
    note = Note(
        "資料.pdf",
        "資料",
        "一\n二\n三\n四",
        "pdf",
        "",
        ("会議", "<b>"),
        (),
        "2024-04-08",
        (),
        (1, 3, 3, 4),
    )
    text = note_page(note, "3", 0, changed=False)
    order = re.findall(r'<h2><span class="ja">(.+?)</span>|<li id="L(\d)"', text)
    assert ["".join(pair) for pair in order] == "1ページ 1 2 3ページ 3 4ページ 4".split()
    assert "2024&#45;04&#45;08" in text
    assert "&#35;会議 &#35;&#60;b&#62;" in text
    citation = Citation(1, "資料.pdf", 3, 4, (), "三", page=3)
    answer = Answer("？", "", True, 1.0, (citation,), ())
    assert "3–4行 3ページ</span>" in answer_html(Turn("？", answer), 1)
    plain = replace(answer, citations=(replace(citation, page=None),))
    assert "3–4行</span>" in answer_html(Turn("？", plain), 1)


@needs_chromium
def test_the_chat_works_behind_a_password(browser: Browser, store: Store) -> None:
    desk = Asked(partial(ask, store=store))
    with serving(desk, login("太郎", "ひらけゴマ:が")) as address:
        known = {"username": "太郎", "password": "ひらけゴマ:が"}
        context = browser.new_context(http_credentials=known)
        page = context.new_page()
        refused: list[str] = []
        page.on("response", lambda got: refused.append(got.url) if got.status > 399 else None)
        page.goto(address)
        send(page, "カレーの作り方は？")
        expect(page.locator(".bot-row").last.locator("mark").first).to_contain_text("カレー")
        assert refused == []
        context.close()
        context.close()


class AnotherSite(BaseHTTPRequestHandler):
    """A site on another port of this machine, with an empty page that may do what it likes."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@needs_chromium
def test_another_sites_page_gets_nothing(browser: Browser, store: Store) -> None:
    with (
        serving(Asked(partial(ask, store=store))) as chat,
        ThreadingHTTPServer(("127.0.0.1", 0), AnotherSite) as other,
    ):
        threading.Thread(target=other.serve_forever).start()
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{other.server_port}/")
        let_in: list[str] = []
        page.on("response", lambda got: let_in.append(got.url) if got.status != 403 else None)
        tried = page.evaluate(
            """async (chat) => {
              const join = chat + "gradio_api/queue/join";
              const body = JSON.stringify({ data: ["?", null], fn_index: 0, session_hash: "x" });
              const post = { method: "POST", body };
              const json = { ...post, headers: { "Content-Type": "application/json" } };
              const loaded = (name) => new Promise((onload, onerror) => {
                const element = document.createElement(name);
                document.body.append(Object.assign(element, { src: chat, onload, onerror }));
              });
              const tries = await Promise.allSettled([
                fetch(chat), fetch(chat, { mode: "no-cors" }), fetch(chat + "ui/chat.js"),
                fetch(join, { ...post, mode: "no-cors" }), fetch(join, json),
                loaded("img"), loaded("script"),
              ]);
              const form = document.createElement("form");
              document.body.append(Object.assign(form, { action: join, method: "post" }));
              form.submit();
              return tries.map((each) => each.status);
            }""",
            chat,
        )
        assert tried == ["rejected"] * 7
        expect(page.locator("body")).to_contain_text("ほかのサイトからは開けません")
        assert let_in == []
        context.close()
        other.shutdown()


@needs_chromium
def test_a_question_that_fails_leaves_the_chat_usable(
    page: Page, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(question: str, **_: object) -> Answer:
        if "壊" in question:
            raise RuntimeError("<b>わざと</b>")
        return ask(question, store)

    with serving(Asked(failing)) as address:
        page.goto(address)
        send(page, "壊して")
        expect(page.locator(".bot-row").last).to_contain_text("RuntimeError: <b>わざと</b>")
        send(page, "カレーの作り方は？")
        expect(page.locator(".bot-row").last.locator("mark").first).to_contain_text("カレー")
    assert "RuntimeError at test_chat.failing:" in caplog.text
    assert "わざと" not in caplog.text  # a message may quote the question


@needs_chromium
@pytest.mark.model
def test_it_fits_a_phone(browser: Browser, seeds_chat: str) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(seeds_chat)
    send(page, EXAMPLE)
    expect(page.locator(".card mark").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()


@pytest.mark.model
def test_the_command_opens_no_connection_and_ends_quietly(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    with subprocess.Popen(
        [sys.executable, "-c", OFFLINE, "app", "--store", str(tmp_path / "store"), "--port", port],
        cwd=ROOT,
        env={**os.environ, "http_proxy": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert f"http://127.0.0.1:{port}" in process.stdout.readline()
        assert reachable(port, "127.0.0.1") == b"HTTP/1.1 200"
        assert reachable(port, "evil.example") == b"HTTP/1.1 400"  # a name pointed at this machine
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert errors == ""


def reachable(port: str, host: str) -> bytes:
    """The status line's beginning for a request of the page under a host name."""
    for _ in range(100):
        try:
            with socket.create_connection(("127.0.0.1", int(port)), timeout=30) as client:
                client.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                return client.recv(12)
        except ConnectionRefusedError:
            time.sleep(0.1)
    return b""
