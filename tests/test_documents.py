"""Documents as lines: exact text, what is named instead of read, and a child that may die."""

import io
import re
import sys
import threading
import zipfile
from pathlib import Path

import docx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from benchmarks import fuzz
from index.errors import Unreadable
from index.formats.documents import Document, extract
from index.formats.isolated import CHILD, Reader, read_document

PAGE = """<!DOCTYPE html><html><head><title>会議の
 記録</title><meta name="Keywords" content="会議、予算, 春"><meta name="date" content="2024-05-01">
<style>p { color: red }</style></head><body hidden-not>
<h1>議事<b>録</b></h1><!-- 見えない -->
<p>日本語の
   折り返しと   English
words は<em>詰</em>める。<br>手で改行<script>alert("no")</script>した行</p>
<div>裸の文<p>段落</p>続き</div>
<h3>決定</h3>
<ul><li>一<ul><li>一の一<ol><li>甲</li><li>乙</li></ol></li></ul></li><li>二<p>二の続き</p></li></ul>
<p>この<ruby>漢字<rp>(</rp><rt>かんじ</rt><rp>)</rp></ruby>と<a href="x">リンク</a></p>
<table><caption>値段</caption><tr><th>品</th><th>値</th></tr><tr><td>卵</td><td><p>100円</p></td></tr></table>
<table><tr><td><h2>枠</h2><ul><li>中身</li></ul></td><td>右</td></tr></table>
<pre>
def f():
    return  1
</pre>
<p hidden>隠し</p><div style="display: none">隠し</div><noscript>隠し</noscript>&nbsp;末尾&amp;
</body></html>"""

PAGE_LINES = """議事録

日本語の折り返しと English words は詰める。
手で改行した行

裸の文

段落

続き

決定

• 一
  • 一の一
    1. 甲
    2. 乙
• 二
  二の続き

この漢字《かんじ》とリンク

値段

| 品 | 値 |
| --- | --- |
| 卵 | 100円 |

枠

• 中身

右

def f():
    return  1

末尾&
"""


def test_html_is_what_a_browser_shows() -> None:
    document = extract(PAGE.encode(), ".html")
    assert document.text == PAGE_LINES
    assert document == Document(
        text=PAGE_LINES,
        encoding="utf-8",
        headings=((1, 1), (12, 3), (29, 2)),
        title="会議の記録",
        tags=("会議", "予算", "春"),
        date="2024-05-01",
    )


@pytest.mark.parametrize(
    ("declared", "codec", "encoding"),
    [
        ("shift_jis", "cp932", "shift_jis"),
        ("", "cp932", "cp932"),
        ("utf-8", "cp932", "cp932"),  # a page that lies
        ("euc-jp", "euc_jp", "euc-jp"),
        ("iso-2022-jp", "iso2022_jp", "iso-2022-jp"),
        ("shift_jis", "utf-8", "utf-8"),  # another
        ("utf-16", "utf-16", "utf-16"),
        ("windows-1252", "cp1252", "windows-1252"),
    ],
)
def test_html_encodings(declared: str, codec: str, encoding: str) -> None:
    text = "Café crème" if codec == "cp1252" else "東京の会議"
    page = f'<html><head><meta charset="{declared}"></head><body><p>{text}</p></body></html>'
    document = extract(page.encode(codec), ".htm")
    assert (document.text, document.encoding) == (f"{text}\n", encoding)


def test_html_nested_without_end_is_named() -> None:
    for page in ("<div>" * 100_000 + "底", "<ul><li>項目" * 30_000, "<b>" * 100_000 + "底"):
        with pytest.raises(Unreadable, match="入れ子"):
            extract(page.encode(), ".html")


def word(document: object) -> bytes:
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def test_docx_keeps_headings_lists_tables_and_ruby() -> None:
    document = docx.Document()
    document.core_properties.title = "計画"
    document.core_properties.keywords = "春; 予算"
    document.add_heading("春の計画", 0)
    document.add_heading("背景", 1)
    document.add_paragraph("一行目\n二行目")
    document.add_paragraph("次の段落")
    document.add_paragraph("")
    document.add_paragraph("項目", style="List Bullet")
    document.add_paragraph("下の項目", style="List Bullet 2")
    table = document.add_table(2, 2)
    for cell, text in zip(table._cells, ["品", "値", "卵", "100円"], strict=True):
        cell.text = text
    table.rows[0]._tr.get_or_add_trPr().append(parse_xml(f"<w:tblHeader {nsdecls('w')}/>"))
    paragraph = document.add_paragraph("この")
    paragraph._p.append(
        parse_xml(
            f"<w:r {nsdecls('w')}><w:ruby><w:rt><w:r><w:t>かんじ</w:t></w:r></w:rt>"
            "<w:rubyBase><w:r><w:t>漢字</w:t></w:r></w:rubyBase></w:ruby></w:r>"
        )
    )
    paragraph._p.append(
        parse_xml(f"<w:r {nsdecls('w')}><w:rPr><w:vanish/></w:rPr><w:t>隠し</w:t></w:r>")
    )
    own = document.styles.add_style("章の名", 1)  # a heading by its outline level only
    own.element.get_or_add_pPr().append(parse_xml(f'<w:outlineLvl {nsdecls("w")} w:val="1"/>'))
    document.add_paragraph("費用", style="章の名")
    read = extract(word(document), ".docx")
    assert read.text == (
        "春の計画\n\n背景\n\n一行目\n二行目\n次の段落\n\n• 項目\n  • 下の項目\n\n"
        "| 品 | 値 |\n| --- | --- |\n| 卵 | 100円 |\n\nこの漢字《かんじ》\n\n費用\n"
    )
    assert read.headings == ((1, 1), (3, 2), (18, 3))
    assert (read.title, read.tags, read.encoding) == ("計画", ("春", "予算"), "docx")
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", read.date)


def bomb() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("word/document.xml", bytes(201_000_000))
    return stream.getvalue()


def pdf(
    *streams: bytes, encoding: str = "UniJIS-UTF16-H", info: bytes = b"", more: bytes = b""
) -> bytes:
    """A PDF with a page for each content stream, in a Japanese font it does not embed."""
    objects = {
        1: b"<</Type/Catalog/Pages 2 0 R>>",
        3: b"<</Type/Font/Subtype/Type0/BaseFont/HeiseiMin-W3/Encoding/%s/DescendantFonts[4 0 R]>>"
        % encoding.encode(),
        4: b"<</Type/Font/Subtype/CIDFontType0/BaseFont/HeiseiMin-W3/CIDSystemInfo"
        b"<</Registry(Adobe)/Ordering(Japan1)/Supplement 2>>/FontDescriptor 5 0 R>>",
        5: b"<</Type/FontDescriptor/FontName/HeiseiMin-W3/Flags 6/FontBBox[-123 -257 1001 910]"
        b"/ItalicAngle 0/Ascent 723/Descent -241/CapHeight 709/StemV 69>>",
        6: b"<<%s>>" % info,
    }
    kids = []
    for number, stream in enumerate(streams):
        page = 10 + 2 * number
        kids.append(b"%d 0 R" % page)
        objects[page] = (
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents %d 0 R"
            b"/Resources<</Font<</F1 3 0 R>>>>>>" % (page + 1)
        )
        objects[page + 1] = b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream)
    objects[2] = b"<</Type/Pages/Kids[%s]/Count %d>>" % (b" ".join(kids), len(kids))
    written = bytearray(b"%PDF-1.4\n")
    places = {}
    for number in sorted(objects):
        places[number] = len(written)
        written += b"%d 0 obj\n%s\nendobj\n" % (number, objects[number])
    start = len(written)
    written += b"xref\n0 1\n0000000000 65535 f \n"
    for number, place in places.items():
        written += b"%d 1\n%010d 00000 n \n" % (number, place)
    written += b"trailer<</Size %d/Root 1 0 R/Info 6 0 R%s>>\nstartxref\n%d\n%%%%EOF\n" % (
        max(objects) + 1, more, start,
    )  # fmt: skip
    return bytes(written)


def shown(*lines: str, codec: str = "utf-16-be") -> bytes:
    """A content stream that shows the lines below one another."""
    placed = [
        b"1 0 0 1 50 %d Tm <%s> Tj" % (800 - 16 * row, line.encode(codec).hex().encode())
        for row, line in enumerate(lines)
    ]
    return b"BT /F1 10 Tf " + b" ".join(placed) + b" ET"


@pytest.mark.parametrize(
    ("encoding", "codec"), [("UniJIS-UTF16-H", "utf-16-be"), ("90ms-RKSJ-H", "cp932")]
)
def test_pdf_joins_what_its_layout_cut(encoding: str, codec: str) -> None:
    first = shown(
        "会議の記録",
        "来月の会議は第二会議室から本社三階の大会議室へ変更になりましたので、参",
        "加する方は資料を前日までに共有フォルダへ置いてください。",
        "次の段落は短い。",
        "・項目は、その前の行がどれほど長くても、いつも新しい行から始まるものだと",
        "・次の項目",
        codec=codec,
    )
    second = shown("二頁目", codec=codec)
    info = b"/Title(Plan)/Keywords(a, b)/CreationDate(D:20240501120000+09'00')"
    assert extract(pdf(first, b"", second, encoding=encoding, info=info), ".pdf") == Document(
        text="会議の記録\n来月の会議は第二会議室から本社三階の大会議室へ変更になりましたので、"
        "参加する方は資料を前日までに共有フォルダへ置いてください。\n次の段落は短い。\n"
        "・項目は、その前の行がどれほど長くても、いつも新しい行から始まるものだと\n・次の項目\n"
        "\n二頁目\n",
        encoding="pdf",
        pages=(1, 7, 7),
        title="Plan",
        tags=("a", "b"),
        date="2024-05-01",
    )


def test_latin_words_are_joined_with_a_space() -> None:
    lines = ("A quote of half a sentence is no quote at all, so", "lines are joined.")
    assert extract(pdf(shown(*lines)), ".pdf").text == " ".join(lines) + "\n"


def test_pdf_of_a_browser() -> None:
    content = (Path(__file__).parent / "documents" / "chromium.pdf").read_bytes()
    read = extract(content, ".pdf")
    assert read.text.split("\n") == [
        "地震の日",
        "地震のあとは火のもとをたしかめ、つぎに水をためる。水は一人につき三日分をためて、"
        "ひと月に一日は日をきめてたしかめ、もし水がたりなければためなおす。",
        "水",
        "水",
        "",
    ]
    assert (read.title, read.headings) == ("地震の日", ((1, 1), (3, 2)))


PAGE_OF_TEXT = pdf(shown("生きている"))


@pytest.mark.parametrize(
    ("content", "suffix", "reason"),
    [
        (pdf(b"0 0 m 100 100 l S"), ".pdf", "文字のない PDF"),
        (pdf(shown("秘密"), more=b"/ID[<00><00>]/Encrypt<</Filter/Standard/V 1/R 2/P -4/O("
             + b"o" * 32 + b")/U(" + b"u" * 32 + b")>>"), ".pdf", "パスワード"),
        (PAGE_OF_TEXT[:40], ".pdf", "壊れた pdf"),
        (b"not a zip", ".docx", "壊れた docx"),
        (bomb(), ".docx", "200 MB"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le"),
         ".docx", "パスワード"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), ".docx", "古い Word"),
        (word(docx.Document()), ".docx", "文字がありません"),
        (b"<html><body><script>1</script></body></html>", ".html", "文字がありません"),
        (b"", ".html", "空のファイル"),
        (b"\x7fELF\x02\x01\x01\x00" * 99, ".html", "バイナリ"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named(content: bytes, suffix: str, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        read_document(content, suffix)


# A child whose reader does what the "file" says.
FAKE = CHILD.replace(
    "serve()",
    """
import os, time
from index.formats.documents import Document
def fake(content, suffix):
    if content == b"crash":
        os.abort()
    if content == b"hang":
        time.sleep(600)
    if content == b"eat":
        bytearray(2_000_000_000)
    if content == b"print":
        print("noise"), os.write(1, b"noise"), os.write(2, b"noise")
    return Document(content.decode(), suffix, ((1, 2),), (1, 3), tags=("t",))
serve(fake)
""",
)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"crash", "読むプログラムが止まりました"),
        (b"hang", "1 秒で読み終わりません"),
        pytest.param(
            b"eat", "メモリ",
            marks=pytest.mark.skipif(not sys.platform.startswith("linux"), reason="no RLIMIT_AS"),
        ),
    ],
)  # fmt: skip
def test_a_file_costs_at_most_its_child(
    content: bytes, reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    reader = Reader(FAKE, seconds=1.0)
    try:
        good = reader.read(b"print", ".html")
        assert good == Document("print", ".html", ((1, 2),), (1, 3), tags=("t",))
        first = reader.pid
        with pytest.raises(Unreadable, match=reason):
            reader.read(content, ".html")
        assert reader.read(b"next", ".pdf").text == "next"
        assert reader.pid != first
    finally:
        reader.close()
    assert capfd.readouterr() == ("", "")


def test_a_child_killed_between_files_is_replaced() -> None:
    reader = Reader(FAKE)
    try:
        reader.read(b"a", ".pdf")
        reader._child.kill()
        reader._child.wait()
        assert reader.read(b"b", ".pdf").text == "b"
    finally:
        reader.close()


def test_threads_get_their_own_answers_wherever_they_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docx.py").write_text("raise SystemExit")  # no file of the user's is code
    answers: dict[int, str] = {}
    reader = Reader()

    def ask(number: int) -> None:
        answers[number] = reader.read(f"<p>{number}</p>".encode(), ".html").text

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reader.close()
    assert answers == {number: f"{number}\n" for number in range(8)}


def test_a_child_that_cannot_start_is_no_reason_to_forget_the_file() -> None:
    reader = Reader("raise SystemExit")
    with pytest.raises(Unreadable, match="起動しません") as told:
        reader.read(b"a", ".pdf")
    assert not told.value.lasting


def test_damaged_files_are_read_or_named(tmp_path: Path) -> None:
    assert fuzz.run(fuzz.Tally(tmp_path), files=400, seed=2) == 0
