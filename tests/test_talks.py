"""Conversations kept in the browser: read back, exported, in several tabs; theme and language."""

import json
import random
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import unquote

import pytest
from chromium import BOX, Asked, needs_chromium, send, serving
from conftest import BigramEncoder, until, write_notes
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from playwright.sync_api import Page, expect
from test_chat import EVIL

from index import build, open_store
from index.messages import said, same
from index.passages import Passage
from index.storage.store import Store
from qa import Answer, Citation, Hit, ask
from qa.why import Match, Why
from ui.export import file_name, markdown, plain, quoted
from ui.render import Turn, messages
from ui.turns import read_talk, record

WHEN = 1_795_453_682.196546
ODD = ["", " ", "\0", "\n\r\t\u2028", "\ud800", "👨‍👩‍👧", "</script>", "\\", '"', "か\u3099"]
MARKS = [
    *(
        "# a #",
        "- b",
        "+ c",
        "* d",
        "1. e",
        "2) f",
        "===",
        "---",
        "***",
        "```",
        "~~~",
        "> g",
        "|a|",
    ),
    *(
        "    code",
        "\ttab",
        "\u3000全角",
        "a  ",
        "b\\",
        "<b>x</b>",
        "<!--",
        "&amp;",
        "&#65;",
        "[1]: /x",
    ),
    *(
        "[a](b)",
        "![a](b)",
        "**a** _b_ `c`",
        "http://a.b",
        "<http://a.b>",
        "a@b.c",
        "$x$",
        "~~y~~",
        EVIL,
    ),
]


def turn(text: str, question: str = "？") -> Turn:
    """A turn whose every text is this one."""
    why = Why((Match(text, text, "same", False),), 0.25, 0.75)
    cited = Citation(1, text, 2, 2, (text,), text, changed=True, page=3, why=why, column=4)
    hit = Hit(Passage(text, 1, 3, (text,), text, 0, 3), 1.5, 0.5, None, words=(text,))
    answer = Answer(text, f"{text} [1]", True, 0.5, (cited,), (hit,), (text,), (same(text),))
    return Turn(question, answer, suggestions=(text,), when=WHEN)


def kept(*turns: Turn) -> str:
    """What a browser has kept after these turns, one recorded after another."""
    records = [json.loads(record(turns[: end + 1])) for end in range(len(turns))]
    assert [one["order"] for one in records][-1:] == [[one.when for one in turns]][: len(turns)]
    return json.dumps({"version": 1, "turns": [one["turn"] for one in records]})


@pytest.mark.parametrize("text", [*ODD, *MARKS])
def test_a_turn_comes_back_as_it_was(text: str) -> None:
    given = turn(text)
    shown = turn(text.encode("utf-8", "replace").decode())
    assert read_talk(kept(given)) == [replace(shown, restored=True)]
    refused = Turn(text, replace(given.answer, citations=(), found=False), when=1.0)
    failed = Turn("？", error=text, when=2.0)
    assert [one.error for one in read_talk(kept(refused, failed))] == [
        "",
        text.encode("utf-8", "replace").decode(),
    ]
    assert messages(read_talk(kept(given, refused, failed)))


def test_a_question_that_was_not_answered_any_more_counts_as_stopped() -> None:
    assert read_talk(kept(Turn("？", when=1.0))) == [
        Turn("？", when=1.0, stopped=True, restored=True)
    ]


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "null", "[]", '"x"', "{}", '{"version": 1}', '{"version": 1, "turns": 3}'),
        kept(turn("x")).replace('"version": 1', '"version": 2'),
        kept(turn("x")).replace(str(WHEN), "NaN"),
        kept(turn("x")).replace(str(WHEN), "1e300"),
        kept(turn("x")).replace(str(WHEN), "-1"),
        kept(turn("x")).replace('"start_line": 2', '"start_line": "2"'),
        kept(turn("x")).replace('"path"', '"file"'),
        kept(turn("x")).replace('"x"', '"\\ud800"'),
        "[" * 100_000,
        "9" * 10_000,
    ],
)
def test_what_is_no_conversation_is_dropped(text: str) -> None:
    assert read_talk(text) == []


def test_a_damaged_turn_leaves_the_others() -> None:
    talk = json.loads(kept(turn("一"), turn("二"), turn("三")))
    talk["turns"][1]["answer"]["citations"] = "<b>"
    assert [one.answer.text for one in read_talk(json.dumps(talk)) if one.answer] == [
        "一 [1]",
        "三 [1]",
    ]


def test_whatever_a_record_becomes_the_chat_can_show_it() -> None:
    """Numbers and texts of a record changed at random: dropped, or shown."""
    chance = random.Random(7)
    whole = kept(turn("x" * 20))
    odd = [
        "-1",
        "0",
        "1e308",
        "-1e308",
        "99999999999999",
        "null",
        "[]",
        '"<i>"',
        "true",
        "Infinity",
    ]
    for _ in range(400):
        at = [place for place, sign in enumerate(whole) if sign in "0123456789x"]
        start = chance.choice(at)
        text = whole[:start] + chance.choice(odd) + whole[start + 1 :]
        shown = read_talk(text)
        assert "<i>" not in str(messages(shown))
        assert markdown(shown)


def rendered(text: str) -> str:
    """What a CommonMark renderer shows of Markdown that holds one block of text."""
    shown = []
    for block in MarkdownIt("commonmark").parse(text):
        for part in block.children or ():
            assert part.type in ("text", "text_special", "hardbreak", "softbreak"), part
            shown.append("\n" if part.type == "hardbreak" else part.content)
        shown.append("\n\n" if block.type == "paragraph_close" else "")
        assert block.type.split("_")[0] in ("heading", "blockquote", "paragraph", "inline")
    return "".join(shown).strip("\n")


# Of what CommonMark itself changes: no text without NUL, and control characters it would not show.
note_text = st.text(
    st.one_of(
        st.sampled_from('\n \t\u3000#*_`<>[]()&;!|~-+=.1aあ\\":$'), st.characters(codec="utf-8")
    ),
    max_size=40,
).filter(
    lambda text: (
        text.strip().strip("\x7f\x85").strip()
        and not any(sign < " " and sign not in "\n\t" for sign in text)
    )
)


@given(st.one_of(note_text, st.lists(st.sampled_from(MARKS), min_size=1).map("\n".join)))
def test_a_quote_shows_as_the_same_text(text: str) -> None:
    lines = [line if line.strip() else "" for line in text.strip("\n\x7f\x85").split("\n")]
    paragraphs = [part.strip("\n") for part in "\n".join(lines).split("\n\n")]
    wanted = "\n\n".join(part for part in paragraphs if part)
    assert rendered(quoted(text.strip("\n\x7f\x85"), " [1]")) == f"{wanted} [1]"


@given(note_text)
def test_a_heading_shows_as_the_same_text(text: str) -> None:
    line = " ".join(text.split("\n")).strip("\x7f\x85")
    assert rendered(f"## {plain(line)}") == line


def test_a_conversation_as_markdown() -> None:
    cited = Citation(1, "仕事/引越し.txt", 12, 14, ("準備", "* 月曜"), "- 鍵を*返す*\n- 粗大ごみ")
    found = Answer("引越しは？ それはいつ？", "", True, 0.9, (cited,), ())
    near = Hit(Passage("会議.md", 3, 3, ("定例",), "", 0), 0.1, 0.1, None)
    answer = Answer(
        "<b>は？",
        "ノートには見つかりませんでした",
        False,
        0.0,
        (),
        (near,),
        ("b",),
        (same("注意"),),
        message=said("not_found"),
    )
    turns = [
        Turn("それはいつ？", found, when=WHEN),
        Turn("<b>は？", answer, when=WHEN),
        Turn("壊して", error="E: `x`", when=WHEN),
        Turn("まだ", stopped=True, when=WHEN),
    ]
    text = markdown(turns)
    assert text.startswith("# 聞き書き 2026-11-23\n\n## それはいつ？\n\n2026-11-23 ")
    for part in (
        "\n\n探した質問: 引越しは？ それはいつ？\n\n> \\- 鍵を\\*返す\\*\\\n> \\- 粗大ごみ [1]\n\n"
        "出典:\n\n"
        "- [1] 仕事/引越し.txt › 準備 › \\* 月曜 › 12–14行\n",
        "\n\n## \\<b\\>は？\n",
        "\n\nノートには見つかりませんでした\n\n近い箇所はありますが、答えは書かれていないようです。\n\n"
        "どのノートにもない言葉: 「b」\n\n注意\n\n"
        "答えではありませんが、いちばん近い箇所:\n\n- 会議.md › 定例 › 3行\n",
        "\n\n答えを作れませんでした: E: \\`x\\`\n",
        "\n\n止めました\n",
    ):
        assert part in text
    assert (
        "Not found in the notes\n\nSome passages are close, but none of them seems to answer.\n\n"
        "Words in no note: 「b」"
    ) in markdown(turns, "en")


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("Hyper-Vの対応は？", "聞き書き 2026-11-23 Hyper-Vの対応は？.md"),
        ('../../etc/passwd\0\n:*?<>|"\\', "聞き書き 2026-11-23 etc passwd.md"),
        ("あ" * 500, f"聞き書き 2026-11-23 {'あ' * 40}.md"),
        ("\ud800", "聞き書き 2026-11-23.md"),
    ],
)
def test_the_name_of_an_export(question: str, name: str) -> None:
    assert file_name([Turn(question, when=WHEN)]) == name
    assert len(name.encode()) < 255


# --- in Chromium


@pytest.fixture
def chat(store: Store) -> Iterator[str]:
    with serving(Asked(partial(ask, store=store))) as address:
        yield address


LAST, ASKED = ".bot-row >> nth=-1", ".user-row .md"
CURRY, MEETING = "カレーの作り方は？", "定例会議の場所は？"


def asked(page: Page, question: str) -> None:
    """Ask, and wait until the answer is kept."""
    send(page, question)
    expect(page.locator(ASKED).last).to_have_text(question)
    expect(page.locator(LAST).locator(".wait")).to_have_count(0)
    expect(page.locator("#talk [data-testid=block-info]")).to_contain_text('"text"')


@needs_chromium
def test_a_reload_brings_the_conversation_back(page: Page, chat: str) -> None:
    page.goto(chat)
    asked(page, MEETING)
    answer = page.locator(LAST).inner_html()
    page.reload()
    expect(page.locator(ASKED)).to_have_text([MEETING])
    expect(page.locator(".when")).to_contain_text("引用はそのときのノートから")
    page.locator(".when").evaluate("line => line.remove()")
    assert page.locator(LAST).inner_html() == answer  # with its citations and cards
    asked(page, "それはいつ？")
    expect(page.locator(".searched .question")).to_contain_text("定例会議")
    page.reload()
    expect(page.locator(ASKED)).to_have_text([MEETING, "それはいつ？"])
    page.locator("a.cite").first.click()
    expect(page.locator("#side h2").first).to_contain_text("会議.md")


@needs_chromium
def test_two_tabs_keep_their_own_and_the_list_has_both(page: Page, chat: str) -> None:
    page.goto(chat)
    asked(page, CURRY)
    other = page.context.new_page()
    other.goto(chat)
    expect(other.get_by_role("button", name="BYOCとは？")).to_be_visible()
    asked(other, MEETING)
    for tab, question in ((page, CURRY), (other, MEETING)):
        tab.reload()
        expect(tab.locator(ASKED)).to_have_text([question])
    page.click("#open-talks")
    names = page.locator("#side .talks .question")
    expect(names).to_have_text([MEETING, CURRY])
    page.locator(".open").first.click()  # it is open in the other tab: here a copy goes on
    expect(page.locator(ASKED)).to_have_text([MEETING])
    asked(page, "それはいつ？")
    other.reload()
    expect(other.locator(ASKED)).to_have_text([MEETING])
    expect(names).to_have_text([MEETING, MEETING, CURRY])

    page.get_by_role("button", name="新しい会話").click()
    expect(page.locator(ASKED)).to_have_count(0)
    expect(page.locator(BOX)).to_be_focused()
    asked(page, CURRY)
    expect(page.locator(".searched")).to_have_count(0)
    page.locator("#side .talks .ask").first.click()
    page.get_by_role("button", name="やめる").click()
    expect(names).to_have_count(4)
    page.locator("#side .talks .ask").first.click()
    page.locator("#side .yes").click()
    expect(names).to_have_count(3)
    expect(page.locator(ASKED)).to_have_count(0)
    page.locator("#side .actions .ask").press("Enter")
    expect(page.locator("#side .no")).to_be_focused()
    page.locator("#side .yes").click()
    expect(page.locator("#side .none")).to_be_visible()
    assert page.evaluate("localStorage.length") == 0


@needs_chromium
@pytest.mark.parametrize("broken", ["setItem", "getItem"])
def test_without_storage_the_chat_works(page: Page, chat: str, broken: str) -> None:
    page.add_init_script(
        f"Storage.prototype.{broken} = () => {{ throw new DOMException('', 'QuotaExceededError') }}"
    )
    page.goto(chat)
    asked(page, MEETING)
    asked(page, "それはいつ？")
    expect(page.locator(".searched .question")).to_contain_text("定例会議")
    page.click("#open-talks")
    if broken == "setItem":
        expect(page.locator("#side .full")).to_be_visible()
    page.click("#theme")
    page.click("#words")


@needs_chromium
def test_a_full_storage_loses_the_oldest_first(page: Page, chat: str) -> None:
    page.goto(chat)
    page.evaluate(
        """() => {
          const turns = (when, question) => [{ question, when, error: "x".repeat(240_000) }];
          for (let n = 0; n < 21; n++) localStorage.setItem(
            `kikigaki.talk.${n}`, JSON.stringify({ version: 1, turns: turns(n, `質問${n}`) }));
          localStorage.setItem("another", "y".repeat(1_000));
          localStorage.setItem("kikigaki.talk.newer", '{"version": 2}');
        }"""
    )
    asked(page, MEETING)
    kept = page.evaluate("Object.keys(localStorage).filter(key => /talk.\\d+$/.test(key))")
    assert sorted(map(lambda key: int(key.split(".")[-1]), kept)) == list(range(2, 21))
    page.evaluate("localStorage.setItem('another', 'y'.repeat(5_100_000 - 19 * 240_200))")
    asked(page, CURRY)
    page.reload()
    expect(page.locator(ASKED)).to_have_text([MEETING, CURRY])
    assert page.evaluate("localStorage.getItem('kikigaki.talk.newer')") == '{"version": 2}'


@needs_chromium
def test_an_export_is_what_was_answered(page: Page, tmp_path: Path, encoder: BigramEncoder) -> None:
    folder = write_notes(tmp_path / "notes", {"危険.md": f"{EVIL}\n"})
    build(folder, tmp_path / "store", encoder=encoder)
    with (
        open_store(tmp_path / "store", encoder=encoder) as store,
        serving(Asked(partial(ask, store=store))) as address,
    ):
        page.goto(address)
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        asked(page, "危険な行は？")
        said = json.loads(page.locator("#talk [data-testid=block-info]").inner_text())
        quote = said["turn"]["answer"]["citations"][0]["quote"]
        page.click("#open-talks")
        with page.expect_download() as download:
            page.get_by_role("button", name="Markdownで保存").click()
        assert download.value.suggested_filename.endswith("危険な行は？.md")
        text = Path(download.value.path()).read_text("utf-8")
        assert quoted(quote, " [1]") in text
        assert "- [1] 危険.md › 1行" in text
        page.locator("#side .copy").click()
        expect(page.locator("#side .copy.done")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == text


@needs_chromium
def test_dark_is_kept_and_stands_before_anything_is_drawn(page: Page, chat: str) -> None:
    page.goto(chat)
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.click("#theme")
    expect(page.locator("#theme")).to_contain_text("明るい")
    page.click("#theme")
    dark = page.evaluate(paper)
    assert dark != light
    page.route("**/assets/**", lambda route: route.abort())  # Gradio, which draws the page
    page.reload()
    assert page.evaluate(paper) == dark
    page.unroute("**/assets/**")
    page.goto(f"{chat}?__theme=light")  # what was chosen wins
    expect(page.locator(BOX)).to_be_visible()
    expect(page.locator("body")).to_have_class("dark")
    page.emulate_media(color_scheme="light")
    assert page.evaluate(paper) == dark
    page.click("#theme")  # automatic again
    assert page.evaluate(paper) == light
    page.emulate_media(color_scheme="dark")
    page.goto(chat)
    expect(page.locator(BOX)).to_be_visible()
    assert page.evaluate(paper) == dark


JAPANESE = """() => {  // visible interface text and attributes in Japanese; notes are lang=ja
  const kana = /[\\u3041-\\u3096\\u30a1-\\u30fa\\u4e00-\\u9fff]/, found = [];
  const allowed = "[lang=ja], .example, .why, .source h2, h1, script";
  for (const element of document.body.querySelectorAll("*")) {
    if (element.closest(allowed) || !element.checkVisibility()) continue;
    for (const node of element.childNodes) {
      if (node.nodeType === 3 && kana.test(node.data)) found.push(node.data);
    }
    for (const name of ["title", "aria-label", "placeholder"]) {
      if (kana.test(element.getAttribute(name) ?? "")) found.push(element.getAttribute(name));
    }
  }
  return found;
}"""


BESIDE = """() => [...document.body.querySelectorAll("*")].flatMap((element) => {
  if (element.closest("script, .card pre, h1, code") || !element.checkVisibility()) return [];
  const nodes = [...element.childNodes].filter((node) => node.nodeType === 3);
  const names = ["title", "aria-label", "placeholder"];
  const texts = nodes.map((node) => node.data);
  texts.push(...names.map((name) => element.getAttribute(name) ?? ""));
  return texts.filter((text) => /\\u2063|\\([a-z]{3}/.test(text));
})"""


def all_english(page: Page) -> None:
    """What Gradio draws late is put into English a moment later."""
    expect(page.locator("#says")).to_be_attached()
    with suppress(TimeoutError):
        until(lambda: page.evaluate(JAPANESE) == [], seconds=5)
    assert page.evaluate(JAPANESE) == []


@needs_chromium
def test_english_is_kept_and_says_everything(page: Page, chat: str) -> None:
    page.goto(chat)
    page.click("#words")
    page.reload()
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "en"
    page.locator("#filter .label-wrap").click()
    expect(page.get_by_label("File name")).to_be_visible()
    expect(page.get_by_label("Folder")).to_have_value("All")
    all_english(page)
    asked(page, MEETING)
    asked(page, "それはいつ？")
    asked(page, "zzzzの作り方は？")
    page.reload()
    expect(page.locator(ASKED)).to_have_count(3)
    page.click("#open-talks")
    page.locator("#side .talks .ask").click()
    all_english(page)
    page.locator("a.cite").first.click()
    expect(page.locator("#side.source")).to_be_visible()
    all_english(page)
    page.keyboard.press("Escape")
    page.click("#words")
    expect(page.get_by_role("button", name="送る", exact=True)).to_be_visible()
    page.locator("#filter .label-wrap").click()
    expect(page.get_by_label("ファイル名", exact=True)).to_be_visible()
    with suppress(TimeoutError):  # in Japanese nothing stands beside it in English
        until(lambda: page.evaluate(BESIDE) == [], seconds=5)
    assert page.evaluate(BESIDE) == []


@needs_chromium
def test_a_tab_closed_while_it_waits(page: Page, store: Store) -> None:
    waits, go_on = threading.Event(), threading.Event()

    def slow(question: str, **more: object) -> Answer:
        if question == MEETING:
            waits.set()
            go_on.wait(20)
        return ask(question, store)

    with serving(Asked(slow)) as address:
        page.goto(address)
        send(page, MEETING)
        assert waits.wait(20)
        expect(page.locator(LAST).locator(".wait")).to_be_visible()
        page.reload()  # as a closed browser that opens its tabs again
        expect(page.locator(ASKED)).to_have_text([MEETING])
        expect(page.locator(LAST)).to_contain_text("止めました")
        asked(page, CURRY)  # the server takes the next, though the first still runs
        other = page.context.new_page()
        other.goto(address)
        send(other, MEETING)
        other.close()
        go_on.set()
        page.reload()
        expect(page.locator(ASKED)).to_have_text([MEETING, CURRY])
        asked(page, MEETING)
        expect(page.locator(LAST).locator("mark").first).to_be_visible()


def test_exporting_is_closed_to_other_methods(chat: str) -> None:
    from test_security import fetch

    body = kept(turn("x")).encode()
    got, headers, text = fetch(chat, "/export?words=en", method="POST", body=body)
    assert got == 200
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Type"].startswith("text/markdown")
    assert unquote(headers["Content-Disposition"]).endswith(f"{file_name([turn('x')])}")
    assert text == markdown(read_talk(body.decode()), "en")
    assert fetch(chat, "/export")[0] == 404
    assert fetch(chat, "/export", method="POST", body=b"\xff{")[0] == 422
    evil = ("Origin", "http://evil.example")
    assert fetch(chat, "/export", evil, method="POST", body=body)[0] == 403
