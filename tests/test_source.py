"""The source beside the answer, in Chromium: opened, stepped through, copied, and by keyboard."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import BOX, Asked, needs_chromium, send, serving
from conftest import EXAMPLE, SEEDS_NOTE, BigramEncoder, write_notes
from playwright.sync_api import Page, expect

import index.models.encoder
from index import build
from ui.desk import Desk
from ui.note_page import editor_link
from ui.render import Turn
from ui.turns import earlier

pytestmark = needs_chromium
LONG = "# 長いノート\n\n" + "\n".join(f"{n}行目です。" for n in range(1, 400))
NOTES = {
    "旅行.md": f"{LONG}\n\n## 持ち物\n\n- 傘は折りたたみにする\n- 靴は防水にする\n",
    "仕事/車.md": "# 社用車\n\n## 鍵\n\n鍵は総務の田中さんが預かる。車検は三月。\n",
    "長い.md": f"{'前置きです。' * 700}倉庫の番人は三郎です。{'後書きです。' * 100}\n",
    "仕事/車検.md": "# 記録\n\n去年の車検は田中さんが三月に出した。\n",
}


@pytest.fixture
def address(
    tmp_path: Path, encoder: BigramEncoder, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    monkeypatch.setattr(index.models.encoder, "_load", lambda _: encoder)
    monkeypatch.setattr(index.models.encoder, "_loaded", {})
    folder = write_notes(tmp_path / "notes", NOTES)
    build(folder, tmp_path / "store", encoder=encoder)
    desk = Desk(folder, tmp_path / "store")
    with serving(desk) as address:
        yield address
    desk.close()


@pytest.mark.model
def test_a_citation_opens_beside_the_answer_by_keyboard(page: Page, seeds_chat: str) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(seeds_chat)
    send(page, EXAMPLE)
    first, second = page.locator("a.cite").nth(0), page.locator("a.cite").nth(1)
    second.focus()
    page.keyboard.press("Shift+Tab")
    expect(first).to_be_focused()
    expect(page.get_by_role("tooltip")).to_contain_text("VMotionに対応する機能")
    page.keyboard.press("Escape")  # the tip goes, nothing else
    expect(page.get_by_role("tooltip")).to_have_count(0)
    page.keyboard.press("Enter")
    side = page.locator("#side")
    marks = side.locator("mark")
    expect(marks).to_have_count(1)
    expect(marks).to_have_text(
        "サーバーの冗長化について、VMotionに対応する機能は現時点でHyper-Vにはない。"
        "現状QuickMigrationという機能で提供。(コールドスタンバイ)",
        use_inner_text=True,
    )
    expect(marks).to_be_in_viewport()
    expect(first).to_have_attribute("aria-current", "true")
    expect(side.locator("output")).to_have_text("1/2")
    heading = side.locator("h2").first
    expect(heading).to_be_focused()
    expect(heading).to_contain_text(f"{SEEDS_NOTE} › ")
    expect(heading).to_contain_text(" › 160行")

    side.get_by_role("button", name="次の引用").press("Enter")
    expect(side.locator("output")).to_have_text("2/2")
    expect(marks).to_contain_text("ライブマイグレーションを搭載予定")
    expect(second).to_have_attribute("aria-current", "true")
    side.get_by_role("button", name="場所をコピー").press("Enter")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == heading.inner_text()
    assert copied.endswith(" › 161行")

    page.keyboard.press("Escape")
    expect(side).to_be_hidden()
    expect(first).to_be_focused()
    expect(page.locator("[aria-current]")).to_have_count(0)


def test_pointing_at_a_number_shows_its_quote(page: Page, address: str) -> None:
    page.goto(address)
    send(page, "鍵は誰が預かる？")
    link = page.locator("a.cite").first
    link.hover()
    tip = page.get_by_role("tooltip")
    expect(tip).to_contain_text("仕事/車.md › 社用車 › 鍵 › 5行")
    expect(tip.locator("mark")).to_contain_text("鍵は総務の田中さんが預かる。")
    expect(link).to_have_attribute("aria-describedby", "tip")
    page.mouse.move(1, 1)
    expect(tip).to_have_count(0)


def test_it_covers_a_phone_and_returns(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(address)
    send(page, "傘はどうする？")
    page.locator("a.cite").first.click()
    side = page.locator("#side")
    expect(side.locator("#L405 mark")).to_be_in_viewport()  # the line stands far down in the note
    assert side.bounding_box() == {"x": 0, "y": 0, "width": 390, "height": 844}
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.evaluate("document.querySelector('gradio-app').inert")
    side.get_by_role("button", name="閉じる").click()
    expect(page.locator("a.cite").first).to_be_focused()
    send(page, "靴はどうする？")
    expect(page.locator(".bot-row").last).to_contain_text("靴は防水にする")


def test_cards_say_how_near_and_what_is_like_them(page: Page, address: str) -> None:
    page.goto(address)
    send(page, "車検は何月？")
    card = page.locator(".card").first
    expect(card.locator("pre b").first).to_have_text("車検")
    near = float(card.locator("meter").get_attribute("value") or 0)
    assert 0 < near <= 1
    place = card.locator("header a").inner_text()
    card.get_by_role("link", name="似た箇所").press("Enter")
    side = page.locator("#side")
    expect(side.locator("h2").first).to_have_text("似た箇所", use_inner_text=True)
    expect(side).to_contain_text(place)
    like = side.locator(".card").first
    assert like.locator("header a").inner_text() != place
    expect(like).to_contain_text("車検")
    like.locator("header a").click()
    expect(side.locator("mark").first).to_be_in_viewport()
    expect(side.get_by_role("alert")).to_have_count(0)


def test_a_quote_far_down_a_long_line_is_seen(page: Page, address: str) -> None:
    page.goto(address)
    send(page, "倉庫の番人は？")
    page.locator("a.cite").first.click()
    mark = page.locator("#side mark")
    expect(mark).to_contain_text("倉庫の番人は三郎です。")
    expect(mark).to_be_in_viewport()


def test_a_question_that_could_not_be_sent_comes_back(page: Page, address: str) -> None:
    page.goto(address)
    page.route("**/queue/join*", lambda route: route.abort())
    send(page, "鍵は誰が預かる？")
    page.wait_for_timeout(500)
    page.unroute("**/queue/join*")
    page.reload()
    expect(page.locator(BOX)).to_have_value("鍵は誰が預かる？")
    page.fill(BOX, "鍵は誰が預かる？\u0085")  # which the server takes off, and the browser does not
    page.press(BOX, "Enter")
    expect(page.locator("a.cite").first).to_be_visible()
    page.wait_for_timeout(1500)
    assert page.evaluate("sessionStorage.getItem('kikigaki.unsent')") == ""  # it has arrived
    expect(page.locator(BOX)).to_have_value("")


def test_a_source_that_is_gone_is_said(page: Page, address: str, tmp_path: Path) -> None:
    page.goto(address)
    send(page, "鍵は誰が預かる？")
    link = page.locator("a.cite").first
    expect(link).to_be_visible()
    (tmp_path / "notes" / "仕事" / "車.md").unlink()
    link.click()
    expect(page.locator("#side [role=alert]")).to_contain_text("このノートは開けません")
    send(page, "傘はどうする？")
    expect(page.locator(".bot-row").last).to_contain_text("傘は折りたたみにする")


@pytest.mark.model
def test_a_refusal_offers_questions_that_are_answered(page: Page, seeds_chat: str) -> None:
    page.goto(seeds_chat)
    send(page, "カレーの作り方は？")
    offered = page.locator(".suggested")
    expect(offered).not_to_have_count(0)
    for number in range(offered.count()):
        question = page.locator(".bot-row").nth(0).locator(".suggested").nth(number)
        asked = question.inner_text()
        question.click()
        expect(page.locator(".bot-row")).to_have_count(number + 2)
        expect(page.locator(".user-row").last).to_have_text(asked, use_inner_text=True)
        expect(page.locator(".bot-row").last.locator("a.cite").first).to_be_visible()
        expect(page.locator(".searched")).to_have_count(0)  # asked as it was tried, and offered


def test_what_is_offered_leans_on_nothing() -> None:
    refused = Turn("4月2日の定例の場所は？", suggestions=("決定事項は？",))
    assert earlier([Turn("定例はいつ？"), refused], "決定事項は？") == []
    asked = [refused, Turn("決定事項は？")]
    assert earlier(asked, "それはいつ？") == ["決定事項は？"]
    assert earlier([Turn("定例はいつ？")], "場所は？") == ["定例はいつ？"]


@pytest.mark.model
def test_what_was_searched_can_be_edited(page: Page, seeds_chat: str) -> None:
    page.goto(seeds_chat)
    send(page, "BYOCとは？")
    expect(page.locator("a.cite")).not_to_have_count(0)
    send(page, "もっと詳しく")
    searched = page.locator(".bot-row").last.locator(".searched")
    expect(searched).to_contain_text("探した質問")
    whole = searched.locator(".question").inner_text()
    assert "BYOC" in whole
    searched.get_by_role("button", name="直す").click()
    expect(page.locator(BOX)).to_have_value(whole)
    expect(page.locator(BOX)).to_be_focused()


def test_a_question_can_be_stopped(page: Page) -> None:
    import threading

    go_on, store_free = threading.Event(), threading.Event()

    def slow(question: str, **_: object) -> object:
        if question == "待つ":
            store_free.set()
            go_on.wait(60)
        raise RuntimeError(f"答え: {question}")

    with serving(Asked(slow)) as address:
        page.goto(address)
        send(page, "待つ")
        expect(page.locator("#chat .wait")).to_be_visible()
        assert store_free.wait(30)
        page.get_by_role("button", name="止める").click()
        expect(page.locator(".bot-row").last).to_contain_text("止めました")
        expect(page.get_by_role("button", name="送る")).to_be_visible()
        send(page, "次の質問")  # while the first is still at work
        expect(page.locator(".bot-row").last).to_contain_text("答え: 次の質問")
        go_on.set()
        page.wait_for_timeout(500)
        expect(page.locator(".bot-row").first).to_contain_text("止めました")


@pytest.mark.parametrize(
    ("setting", "address"),
    [
        ("", ""),
        ("vscode", "vscode://file/%E3%83%8E/a%20b.md:12"),
        ("obsidian", "obsidian://open?path=%2F%E3%83%8E%2Fa%20b.md"),
        ("file", "file:///%E3%83%8E/a%20b.md"),
        ("zed://file{path}:{line}", "zed://file/%E3%83%8E/a%20b.md:12"),
        ("javascript:alert('{path}')", ""),
        (" JavaScript:alert(1)", ""),
        ("emacs", ""),
    ],
)
def test_the_editor_is_the_readers(
    setting: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIKIGAKI_EDITOR", setting)
    assert editor_link(Path("/ノ/a b.md"), "12:3-14:2") == address
