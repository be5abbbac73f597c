"""The notes panel: what new files it takes into the folder, and how it looks in a browser."""

import http.client
import os
import shutil
import subprocess
import sys
import time
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from chromium import needs_chromium, send, serving
from conftest import NOTES, ROOT, BigramEncoder, run_app, until, write_notes
from fastapi import FastAPI
from playwright.sync_api import Page, expect
from starlette.testclient import TestClient
from test_chat import desk_chat

import app
import index.folder
import index.models.encoder
import ui.inbox
from index import open_store
from index.folder import scan
from ui.desk import Desk
from ui.inbox import Kept, NotKept, arriving
from ui.routes import routes

__all__ = ["desk_chat"]  # a fixture of the chat's tests


def keep(folder: Path, name: str, content: bytes = b"text", modified: float = 0.0) -> Kept:
    with arriving(folder, name) as note:
        note.write(content)
        return note.keep(modified)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_taken_name_gets_a_number_and_nothing_is_overwritten(tmp_path: Path) -> None:
    write_notes(tmp_path, {"会議.md": "前からある。"})
    assert keep(tmp_path, "会議.md", b"1") == Kept("会議 (2).md", was_there=False)
    assert keep(tmp_path, "会議.md", b"2") == Kept("会議 (3).md", was_there=False)
    assert keep(tmp_path, "会議.md", b"1") == Kept("会議 (2).md", was_there=True)
    assert keep(tmp_path, "会議.MD", "前からある。".encode()).was_there
    composed, apart = "ガ行.md", unicodedata.normalize("NFD", "ガ行.md")
    assert keep(tmp_path, apart, b"1").path == composed
    assert keep(tmp_path, composed, b"2").path == "ガ行 (2).md"
    (tmp_path / "外へ.md").symlink_to(tmp_path / "どこにもない.md")
    assert keep(tmp_path, "外へ.md").path == "外へ (2).md"
    assert (tmp_path / "会議.md").read_text(encoding="utf-8") == "前からある。"
    assert not (tmp_path / "どこにもない.md").exists()
    assert [file.path for file in scan(tmp_path).files if "会議" in file.path] == [
        "会議 (2).md",
        "会議 (3).md",
        "会議.md",
    ]


def no_links(*_: object) -> None:
    raise PermissionError(1, "Operation not permitted")  # as exFAT says


@pytest.mark.parametrize("linking", [True, False])
def test_many_at_once_each_get_a_name_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linking: bool
) -> None:
    if not linking:
        monkeypatch.setattr(os, "link", no_links)
    contents = [f"{n}".encode() * 1000 for n in range(40)]
    with ThreadPoolExecutor(8) as pool:
        kept = list(pool.map(lambda content: keep(tmp_path, "同じ.txt", content), contents))
    assert len({note.path for note in kept}) == 40
    assert [(tmp_path / note.path).read_bytes() for note in kept] == contents
    assert len(names(tmp_path)) == 40


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("絵.png", "対応していない形式 .png"),
        ("会議", "拡張子なし"),
        (".md", "拡張子なし"),
        (".隠し.md", "隠しファイル"),
        ("~$会議.docx", "一時ファイル"),
        ("下書き/会議.md", "名前ではありません"),
        ("..\\会議.md", "名前ではありません"),
        ("..", "名前ではありません"),
        ("", "名前ではありません"),
        ("会\n議.md", "使えない文字"),
        ("会\0議.md", "使えない文字"),
        ("会\udc80議.md", "使えない文字"),
        ("会議\u202edm.exe.md", "見えない文字"),
        ("\u200b.md", "見えない文字"),
        ("CON.md", "Windows"),
        ("com1.2024.txt", "Windows"),
        ("秘密の日記.md", ".kikigakiignore"),
    ],
)
def test_a_name_that_would_not_be_read_is_refused(tmp_path: Path, name: str, why: str) -> None:
    write_notes(tmp_path, {".kikigakiignore": "秘密*\n"})
    with pytest.raises(NotKept, match=why):
        keep(tmp_path, name)
    assert names(tmp_path) == {".kikigakiignore"}


@pytest.mark.parametrize(
    "name", ["何?.md", "コン.md", "CONTENTS.md", "a.b.c.txt", " 前後.md", "👨\u200d👧.md"]
)
def test_what_is_kept_is_read(tmp_path: Path, name: str) -> None:
    assert [file.path for file in scan(tmp_path).files] == []
    kept = keep(tmp_path, name)
    assert [file.path for file in scan(tmp_path).files] == [kept.path]
    assert kept.path == name.strip()


def test_a_long_name_is_shortened_also_with_a_number(tmp_path: Path) -> None:
    first, second = (keep(tmp_path, "長" * 300 + ".markdown", content) for content in (b"1", b"2"))
    assert first.path == "長" * 82 + ".markdown"
    assert second.path == "長" * 80 + " (2).markdown"


def test_the_day_a_file_was_written_comes_along(tmp_path: Path) -> None:
    keep(tmp_path, "昔.md", modified=1_577_836_800.0)
    assert (tmp_path / "昔.md").stat().st_mtime == 1_577_836_800.0
    keep(tmp_path, "あした.md", modified=time.time() + 1e9)
    assert (tmp_path / "あした.md").stat().st_mtime <= time.time()


def test_too_large_empty_or_cut_off_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index.folder, "MAX_BYTES", 1_000)
    assert keep(tmp_path, "ちょうど.md", b"1" * 1_000).path == "ちょうど.md"
    with pytest.raises(NotKept, match="大きすぎます"), arriving(tmp_path, "大.md") as note:
        note.write(b"1" * 1_000)
        note.write(b"1")
    with pytest.raises(NotKept, match="空のファイル"):
        keep(tmp_path, "空.md", b"")
    with suppress(ConnectionError), arriving(tmp_path, "途中.md") as note:
        note.write(b"1")
        assert scan(tmp_path).skipped == ()  # nobody sees it meanwhile
        raise ConnectionError
    old = tmp_path / ui.inbox.BESIDE.format("old")
    old.write_bytes(b"1")
    os.utime(old, (1, 1))  # of a process that was killed
    keep(tmp_path, "次.md")
    assert names(tmp_path) == {"ちょうど.md", "次.md"}


FULL_DISK = """
import resource, sys
from pathlib import Path
from ui.inbox import NotKept, arriving
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with arriving(Path(sys.argv[1]), "大.md") as note:
        for _ in range(4):
            note.write(b"1" * 30_000)
        note.keep()
except NotKept as reason:
    sys.stdout.buffer.write(str(reason).encode())
"""


def test_a_full_disk_and_a_folder_that_is_away_are_said(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)], cwd=ROOT, capture_output=True, check=True
    )
    assert "空きが足りません" in done.stdout.decode()
    assert names(tmp_path) == set()
    with pytest.raises(NotKept, match="保存できません"):
        keep(tmp_path / "away", "会議.md")


@pytest.mark.skipif(os.geteuid() == 0, reason="root は読み取り専用のフォルダにも書けます")
def test_a_folder_that_is_read_only_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(NotKept, match="書けません"):
        keep(tmp_path, "会議.md")
    tmp_path.chmod(0o700)


# ── through the chat's server ─────────────────────────────────────────────────────────────────


@pytest.fixture
def desk(
    notes: Path, store_folder: Path, encoder: BigramEncoder, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Desk]:
    monkeypatch.setattr(index.models.encoder, "_load", lambda _: encoder)
    monkeypatch.setattr(index.models.encoder, "_loaded", {})
    opened = Desk(notes, store_folder)
    opened.start()
    yield opened
    opened.close()


def put(address: str, name: str, body: bytes, *headers: tuple[str, str]) -> tuple[int, str]:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=20)
    connection.request("PUT", "/notes/" + quote(name, safe=""), body, dict(headers))
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def test_a_note_is_put_into_the_folder_by_our_own_page_alone(desk: Desk, notes: Path) -> None:
    with serving(desk) as address:
        before = names(notes)
        for header in (
            ("Origin", "http://evil.example"),
            ("Origin", "null"),
            ("Sec-Fetch-Site", "cross-site"),
            ("Host", "evil.example"),
        ):
            assert put(address, "悪.md", b"1", header)[0] in (400, 403)
        for name in ("../外.md", "..", "/etc/外.md", "絵.png", "下/外.md"):
            assert put(address, name, b"1")[0] == 422
        assert names(notes) == before
        assert not (notes.parent / "外.md").exists()
        assert put(address, "猫.md", "猫はコタツで丸くなる。\n".encode()) == (201, "猫.md")
        assert put(address, "猫.md", "猫はコタツで丸くなる。\n".encode()) == (200, "猫.md")
        until(lambda: desk.known("猫.md"))
        assert desk.ask("猫はどこで丸くなる？").citations[0].path == "猫.md"


def test_a_connection_that_ends_leaves_nothing(
    desk: Desk, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index.folder, "MAX_BYTES", 100_000)
    with serving(desk) as address:
        before = names(notes)
        where = urlsplit(address).netloc
        connection = http.client.HTTPConnection(where, timeout=20)
        connection.putrequest("PUT", "/notes/" + quote("途中.md"))
        connection.putheader("Content-Length", "50000")
        connection.endheaders(b"1" * 10_000)
        until(lambda: names(notes) != before)
        connection.close()
        until(lambda: names(notes) == before)
        status, text = put(address, "大.md", b"1" * 3_000_000)  # answered before it is all sent
        assert (status, "大きすぎます" in text) == (422, True)
        assert names(notes) == before


def test_a_chat_that_others_can_open_changes_nothing(desk: Desk, notes: Path) -> None:
    before = names(notes)
    app = FastAPI()
    app.include_router(routes(desk))
    with TestClient(app) as client:
        assert client.put("/notes/a.md", content=b"1").status_code == 403
        assert client.post("/rebuild").status_code == 403
        shown = client.get("/notes").text
    assert "パスワードを" in shown
    assert 'type="file"' not in shown
    assert names(notes) == before
    assert not desk.status().following.rebuilding


@pytest.mark.parametrize(
    ("host", "password", "may"),
    [("127.0.0.1", "", True), ("0.0.0.0", "", False), ("0.0.0.0", "ひらけゴマ", True)],
)
def test_who_may_change_anything(
    notes: Path, monkeypatch: pytest.MonkeyPatch, host: str, password: str, may: bool
) -> None:
    told: list[bool] = []
    monkeypatch.setattr(
        app, "routes", lambda desk, *, may_write: told.append(may_write) or routes(desk)
    )
    run_app(monkeypatch, notes, host, password)
    assert told == [may]


def test_rebuilding_reads_everything_again_and_goes_on_answering(
    desk: Desk, notes: Path, encoder: BigramEncoder
) -> None:
    until(lambda: not desk.status().following.busy)
    first = len(encoder.encoded)
    assert first == desk.status().passages
    for _ in range(3):  # pressing it again while it runs asks for nothing more
        desk.rebuild()
    assert desk.status().following.busy
    assert desk.ask("カレーの作り方は？").found
    until(lambda: not desk.status().following.busy)
    assert len(encoder.encoded) == 2 * first
    assert desk.status().notes == len(NOTES)

    notes.rename(notes.with_name("away"))  # what cannot be read again is kept
    desk.rebuild()
    until(lambda: "ノートのフォルダがありません" in desk.status().error.ja)
    assert desk.status().notes == len(NOTES)
    notes.with_name("away").rename(notes)
    until(lambda: not desk.status().following.busy)
    assert not desk.status().error


# ── in the browser ────────────────────────────────────────────────────────────────────────────

DROP = """([on, kind, files]) => {
  const transfer = new DataTransfer();
  for (const [name, text] of files) transfer.items.add(new File([text], name));
  const init = { bubbles: true, cancelable: true };
  const at = document.querySelector(on);
  if (kind === "paste") {
    at.dispatchEvent(new ClipboardEvent(kind, { ...init, clipboardData: transfer }));
  } else {
    for (const each of ["dragenter", "dragover", kind]) {
      at.dispatchEvent(new DragEvent(each, { ...init, dataTransfer: transfer }));
    }
  }
}"""


def bring(page: Page, files: dict[str, str], on: str = "body", kind: str = "drop") -> None:
    page.evaluate(DROP, [on, kind, list(files.items())])


@needs_chromium
def test_a_dropped_note_is_answered_from(
    page: Page, desk_chat: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index.folder, "MAX_BYTES", 1_000)
    address, folder = desk_chat
    page.goto(address)
    expect(page.locator("#open-notes")).to_be_visible()
    bring(page, {"猫.md": "まだ離さない。"}, kind="dragover")
    expect(page.locator("#drop")).to_contain_text("ここに離すと")
    side, given = page.locator("#side"), page.locator("#notes-given")
    bring(page, {"猫.md": "猫はコタツで丸くなる。"}, on="#question textarea")
    expect(given.locator("a.source")).to_have_text("猫.md")
    expect(given).to_contain_text("検索できます")
    expect(page.locator("#drop")).to_be_hidden()
    send(page, "猫はどこで丸くなる？")
    expect(page.locator(".bot-row").last.locator("mark")).to_have_text("猫はコタツで丸くなる。")

    bring(page, {"猫.md": "猫は外にいる。", "大.md": "大" * 1_000, "空.md": ""})
    expect(given.locator("a.source")).to_have_text(["猫.md", "猫 (2).md"])
    expect(given).to_contain_text("大.md: 大きすぎます")
    expect(given).to_contain_text("空.md は入れられません: 空のファイル")
    expect(side).to_contain_text("0.001 MB まで")
    bring(page, {"猫.md": "猫は外にいる。"})
    expect(given).to_contain_text("同じ内容がもうありました")
    bring(page, {"image.png": "PNG"}, on="#question textarea", kind="paste")
    expect(given).to_contain_text("image.png は入れられません")
    expect(page.locator("#question textarea")).to_have_value("")
    expect(page.locator(".user-row")).to_have_count(1)
    assert {path for path in names(folder) if path.endswith((".md", ".png"))} == {
        "猫.md",
        "猫 (2).md",
    }

    page.evaluate(
        """() => {  // a folder, as Chromium gives one
          const [folder] = [new File([], "下書き")];
          const item = { kind: "file", getAsFile: () => folder,
            webkitGetAsEntry: () => ({ isDirectory: true }) };
          const event = new Event("drop", { bubbles: true, cancelable: true });
          event.dataTransfer = { types: ["Files"], items: [item], files: [folder] };
          document.body.dispatchEvent(event);
        }"""
    )
    expect(given).to_contain_text("下書き フォルダは入れられません")
    with page.expect_file_chooser() as chooser:
        side.get_by_text("ファイルを選ぶ").click()
    chooser.value.set_files(
        [{"name": "犬.md", "mimeType": "text/markdown", "buffer": "犬は庭にいる。".encode()}]
    )
    expect(given.locator("a.source").last).to_have_text("犬.md")
    given.locator("a.source").last.click()
    expect(side.locator("#L1")).to_have_text("犬は庭にいる。")


@needs_chromium
def test_the_panel_is_kept_current_and_rebuilds(
    page: Page, desk_chat: tuple[str, Path], tmp_path: Path
) -> None:
    address, folder = desk_chat
    write_notes(folder, {"絵.png": "PNG", "空.md": ""})
    page.goto(address)
    expect(page.locator("#open-notes")).to_be_visible()  # its scripts are there
    page.locator("#status .open-notes").press("Enter")
    listed = page.locator("#skipped li")
    expect(listed).to_have_text(
        ["空.md: 空のファイルempty", "絵.png: 対応していない形式 .pngformat not read: .png"]
    )
    summary = page.locator("#skipped summary")
    expect(summary).to_be_focused()
    expect(page.locator("#notes-list a.source")).to_have_text(
        ["仕事/今年/会議.md", "仕事/去年.md", "家/机.md"]
    )
    expect(page.locator("#notes-list li").first).to_contain_text("2024-04-08 #会議 #予算")
    write_notes(folder, {"表.xlsx": "PK", "春.md": "桜が咲いた。"})
    expect(listed).to_have_count(3)
    expect(summary).to_be_focused()
    expect(page.locator("#notes-list a.source").first).to_have_text("春.md")

    ask = page.get_by_role("button", name="索引を作り直す")
    ask.press("Enter")
    yes = page.locator("#notes-rebuild .yes")
    expect(yes).to_be_focused()
    page.get_by_role("button", name="やめる").press("Enter")
    expect(ask).to_be_focused()
    store = tmp_path / "store"
    with open_store(store) as opened:
        before = opened.database.meta("begun")
        ask.press("Enter")
        with page.expect_response("**/rebuild") as started:
            yes.press("Enter")
        assert started.value.status == 202
        until(lambda: opened.database.meta("begun") != before)
    expect(ask).to_be_visible()
    expect(page.locator("#notes-state")).to_contain_text("できています")
    expect(page.locator("#notes-list a.source")).to_have_count(4)
    shutil.rmtree(store)
    send(page, "サーバーは何台買う？")
    expect(page.locator(".bot-row").last.locator("mark").first).to_contain_text("台買う")
    expect(page.locator("#notes-list a.source")).to_have_count(4)
