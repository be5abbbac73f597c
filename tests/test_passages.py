"""Passages: exact slices, whole coverage, small enough, and cut where the note's structure is."""

import pytest
from conftest import SEEDS
from hypothesis import given
from hypothesis import strategies as st

from index.folder import NoteFile
from index.notes import Note, read_note, read_notes
from index.passages import (
    MAX_CHARS,
    MAX_HEADING_CHARS,
    MAX_LINES,
    Passage,
    label,
)
from index.splitting import split
from index.words.sentences import sentence_pieces

PROSE = (
    "会議のメモ：来週までに見積りを出す。担当は山田さん。\n" * 40
)  # which encoding is then plain


SUFFIXES = [".txt", ".md", ".org", ".csv", ".tsv"]


def note(text: str, path: str = "a.txt") -> Note:
    return Note(path, "a", text, "utf-8", "")


def headed(text: str, headings: tuple[tuple[int, int], ...]) -> Note:
    return Note("a.pdf", "a", text, "utf-8", "", headings=headings)


def obeys(source: Note, passages: list[Passage]) -> None:
    """The module's promise: exact slices that cover every line, none shared but a long line's."""
    covered: dict[int, int] = {}
    for passage in passages:
        assert source.text[passage.start : passage.start + len(passage.text)] == passage.text
        lines = source.lines[passage.start_line - 1 : passage.end_line]
        assert passage.text in "\n".join(lines)
        assert passage.text.count("\n") == passage.end_line - passage.start_line
        assert passage.end_line - passage.start_line < MAX_LINES
        assert len(passage.text) <= MAX_CHARS
        assert passage.text.strip()
        for number in range(passage.start_line, passage.end_line + 1):
            covered[number] = covered.get(number, 0) + 1
    for number, line in enumerate(source.lines, start=1):
        if line.strip():
            assert covered.get(number, 0) == 1 or len(line) > MAX_CHARS
            text = "".join(p.text for p in passages if p.start_line <= number <= p.end_line)
            assert len(line) <= MAX_CHARS or "".join(text.split()) == "".join(line.split())


LINE = st.one_of(
    st.sampled_from(
        ["", "  ", "# 見出し", "## 中見出し", "====", "---", "```", "・項目", "  • 子", "    - 孫",
         "1. 一番", "| a | b |", "|---|---|", "■章", "　字下げの段落。", "題名", "> 引用",
         "\t- タブ", "* 星", "*** TODO 星 :印:", "#+BEGIN_SRC", "#+end_src", ":PROPERTIES:",
         ":END:", "~~~", "品名,単価",
         '"二行の', '欄",3', '5" disk,3', "a\tb\tc", "1;2", "title: 題"]
    ),
    st.text(alphabet="あ漢A1。、 　\t・#*|\"',;:-", max_size=60),
    st.text(alphabet="\x00\x0b\x0c\x1c\x85\u2028\u200b\ufeffあ|,\"", max_size=12),
    st.text(alphabet="ながい文。、", min_size=590, max_size=1900),
)  # fmt: skip
END = st.sampled_from(["\n", "\r\n", "\r"])
TEXT = st.one_of(
    st.lists(LINE, min_size=1, max_size=60).map("\n".join),
    st.lists(LINE, max_size=20).map(lambda lines: "\n".join(["---", *lines, "---", "本文"])),
    st.text(max_size=3000).map(lambda text: text.replace("\r\n", "\n").replace("\r", "\n")),
)


@given(TEXT, st.sampled_from(SUFFIXES))
def test_any_text_is_covered_by_exact_slices(text: str, suffix: str) -> None:
    source = note(text, "a" + suffix)
    obeys(source, split(source))


@given(TEXT, st.dictionaries(st.integers(0, 70), st.integers(1, 9)))
def test_a_document_with_any_headings_is_covered(text: str, levels: dict[int, int]) -> None:
    source = headed(text, tuple(levels.items()))
    obeys(source, split(source))


@given(
    st.lists(LINE, min_size=1, max_size=30),
    END,
    st.sampled_from(SUFFIXES),
    st.sampled_from(
        ["utf-8", "utf-8-sig", "cp932", "euc_jis_2004", "iso2022_jp", "utf-16", "utf-16-le",
         "utf-16-be"]
    ),
)  # fmt: skip
def test_notes_of_every_encoding_are_covered(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[str],
    end: str,
    suffix: str,
    encoding: str,
) -> None:
    text = "\n".join([*lines, PROSE]).replace("\x00", "").replace("\ufeff", "")
    text = "".join(char for char in text if char.encode(encoding, "ignore"))
    path = tmp_path_factory.getbasetemp() / f"a{suffix}"
    path.write_bytes(text.replace("\n", end).encode(encoding))
    source = read_note(path.parent, NoteFile(path.name, path.name, 0, 0))
    assert source.text == text
    obeys(source, split(source))


@given(st.text(alphabet="あ。、 !」", max_size=400), st.integers(1, 50))
def test_pieces_join_to_the_text(text: str, limit: int) -> None:
    pieces = sentence_pieces(text, limit) if text else []
    assert "".join(text[start:end] for start, end in pieces) == text
    assert all(0 < end - start <= limit for start, end in pieces)


def test_seeds_keeps_its_sections_and_bullets() -> None:
    (source,), skipped = read_notes(SEEDS)
    passages = split(source)
    obeys(source, passages)
    assert not skipped
    by_line = {passage.start_line: passage for passage in passages}
    pitfalls = by_line[88]
    assert pitfalls.text.split("\n")[0].strip() == "• サーバ仮想化の落とし穴"
    assert pitfalls.end_line == 95  # with all it holds
    assert pitfalls.heading == (
        source.lines[0],
        "仮想化時代のサーバ選び(サン・マイクロシステムズ株式会社 的場謙一郎氏)",
    )
    titles = [passage.heading[1] for passage in passages if len(passage.heading) == 2]
    assert len(dict.fromkeys(titles)) == 9  # nine sections, each with its speaker where it has one


MARKDOWN = """---
title: 題
---
# 旅行
はじめに。

## 持ち物
- 着替え
  - 靴下
- 本

1. 予約
2. 出発

```
# 見出しではない
- 項目でもない
```

| 日 | 宿 |
|---|---|
| 1 | 京都 |

おわり
======
また行く。
"""


@pytest.mark.parametrize(
    ("first", "last", "heading"),
    [
        (1, 3, ()),
        (4, 4, ()),
        (5, 5, ("旅行",)),
        (7, 7, ("旅行",)),
        (8, 9, ("旅行", "持ち物")),
        (10, 10, ("旅行", "持ち物")),
        (12, 12, ("旅行", "持ち物")),
        (15, 18, ("旅行", "持ち物")),
        (20, 21, ("旅行", "持ち物")),
        (22, 22, ("旅行", "持ち物", "日, 宿")),
        (24, 25, ()),
        (26, 26, ("おわり",)),
    ],
)
def test_markdown_structure(first: int, last: int, heading: tuple[str, ...]) -> None:
    places = {(p.start_line, p.end_line): p.heading for p in split(note(MARKDOWN, "a.md"))}
    assert places[first, last] == heading


def test_a_large_list_is_cut_between_bullets_under_its_parent() -> None:
    text = "・親\n" + "".join(f"  ・子{n} {'あ' * 90}\n" for n in range(9))
    first, *rest = split(note(text))
    assert first.text.startswith("・親\n  ・子0")
    assert [p.heading for p in rest] == [("親",)] * len(rest)


def test_a_plain_memo_has_titles_only_where_they_stand_alone() -> None:
    text = "買い物\n牛乳\n\n予定\n\n  ・月曜 会議\n\n今日は晴れ。\n明日は雨。\n"
    places = [(p.start_line, p.end_line, p.heading) for p in split(note(text))]
    assert places == [(1, 2, ()), (4, 4, ()), (6, 6, ("予定",)), (8, 9, ("予定",))]


def test_a_list_nested_deeper_than_python_calls_is_cut() -> None:
    source = note("\n".join(" " * depth + "- 項目" for depth in range(1_200)))
    obeys(source, split(source))


def cut(text: str, suffix: str) -> list[tuple[int, int, tuple[str, ...]]]:
    source = note(text, "a" + suffix)
    obeys(source, split(source))
    return [(p.start_line, p.end_line, p.heading) for p in split(source)]


ORG = """#+TITLE: 旅行
#+FILETAGS: :家:

* TODO [#A] 持ち物 :夏:海:
:PROPERTIES:
:ID: 1
:END:
# 注釈であり見出しではない
- 着替え
  * 靴下
+ 本
** 手順
#+BEGIN_SRC sh
,* 見出しではない
#+END_SRC
**太字** で始まる文

#+begin_example
- 項目でもない

二行あけて
#+end_example

*** 宿
| 日 | 宿 |
|---+---|
| 1 | 京都 |
"""


def test_org_structure() -> None:
    assert cut(ORG, ".org") == [
        (1, 2, ()),
        (4, 4, ()),
        (5, 7, ("持ち物",)),
        (8, 8, ("持ち物",)),
        (9, 10, ("持ち物",)),
        (11, 11, ("持ち物",)),
        (12, 12, ("持ち物",)),
        (13, 15, ("持ち物", "手順")),
        (16, 16, ("持ち物", "手順")),
        (18, 22, ("持ち物", "手順")),
        (24, 24, ("持ち物", "手順")),
        (25, 26, ("持ち物", "手順", "宿")),
        (27, 27, ("持ち物", "手順", "宿", "日, 宿")),
    ]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("** TODO [#A] 見積りを出す :仕事:急:", "見積りを出す"),
        ("* DONE", "DONE"),
        ("*** 時刻 10:30", "時刻 10:30"),
        ("## **太字** ##", "太字"),
        ("• 項目", "項目"),
        ("| 品名 | 単価\\|税込 |  |\n|---|:-:|---|", "品名, 単価\\|税込"),
        ("品名,単価\t税込", "品名, 単価, 税込"),
        ('"品名";"単価"', "品名, 単価"),
        ("# 1,000円", "1,000円"),
        ("東京、大阪, 京都へ。", "東京、大阪, 京都へ。"),
        ("長" * 100, "長" * (MAX_HEADING_CHARS - 1) + "…"),
    ],
)
def test_labels(line: str, shown: str) -> None:
    assert label(line) == shown


@pytest.mark.parametrize("suffix", [".txt", ".org"])
def test_marks_of_other_formats_are_no_headings(suffix: str) -> None:
    text = {".txt": "** 星\n文。", ".org": "# 見出し\n文。\n\n■印\n文。\n\n題名\n===="}[suffix]
    assert all(heading == () for _, _, heading in cut(text, suffix))


def test_front_matter_is_markdown_only() -> None:
    text = "---\ntags: 仕事\n\n# 題\n---\n文。\n"
    assert cut(text, ".md") == [(1, 5, ()), (6, 6, ())]
    assert (5, 6, ("題",)) in cut(text, ".txt")


def test_the_headings_a_document_came_with_are_its_only_ones() -> None:
    text = "題\n# 一\n・項目\n節\n| a | b |\n|---|---|\n| 1 | 2 |\n\n見出し風\n\n文。\n"
    source = headed(text, ((1, 1), (4, 2)))
    obeys(source, split(source))
    assert [(p.start_line, p.end_line, p.heading) for p in split(source)] == [
        (1, 1, ()),
        (2, 2, ("題",)),
        (3, 3, ("題",)),
        (4, 4, ("題",)),
        (5, 6, ("題", "節")),
        (7, 7, ("題", "節", "a, b")),
        (9, 9, ("題", "節")),
        (11, 11, ("題", "節")),
    ]


NAMES = ("品名, 単価, 数量",)


@pytest.mark.parametrize(
    ("suffix", "text", "expected"),
    [
        (".csv", "品名,単価,数量\n机,1,2\n椅子,3,4\n", [(1, 1, ()), (2, 3, NAMES)]),
        (".csv", '"品名","単価","数量"\r机,1,2\r', [(1, 1, ()), (2, 2, NAMES)]),
        (".csv", "品名;単価;数量\n机;1,5;2", [(1, 1, ()), (2, 2, NAMES)]),
        (".csv", "品名\t単価\t数量\n机\t1\t2", [(1, 1, ()), (2, 2, NAMES)]),
        (".tsv", "\n品名\t単価\t数量\n\n机\t1\t2", [(2, 2, ()), (4, 4, NAMES)]),
        (".csv", '品名,単価,数量\n机,"1\n2",3', [(1, 1, ()), (2, 3, NAMES)]),
        (".csv", "品名,4月,\n机,1,2", [(1, 1, ()), (2, 2, ("品名,4月,",))]),
        (".csv", '品名,単価,数量\n"机,1,2\n椅子,3,4', [(1, 1, ()), (2, 3, NAMES)]),
        (".csv", '品名,単価,数量\n5" disk,1,2\n机,3,4', [(1, 1, ()), (2, 3, NAMES)]),
        (".csv", "1,2.5\n3,4\n", [(1, 2, ())]),
        (".csv", "買うもの\n机\n椅子\n", [(1, 3, ())]),
        (".csv", "品名,単価\n", [(1, 1, ())]),
        (".csv", f"品名,単価,数量\n{'机' * 700},1,2", [(1, 1, ()), (2, 2, NAMES), (2, 2, NAMES)]),
    ],
)
def test_records_stand_under_the_names_of_their_columns(
    suffix: str, text: str, expected: list[tuple[int, int, tuple[str, ...]]]
) -> None:
    assert cut(text.replace("\r", "\n"), suffix) == expected


def test_a_record_is_cut_from_others_before_it_is_cut_itself() -> None:
    record = '机,"' + "とても\n長い\n" * 4 + '"\n'  # nine lines
    text = "品名,説明\n" + record * 3
    assert [(first, last) for first, last, _ in cut(text, ".csv")] == [
        (1, 1), (2, 10), (11, 19), (20, 28)
    ]  # fmt: skip
    rows = "".join(f"品{n},{'長' * 90}\n" for n in range(12))
    assert [last - first + 1 for first, last, _ in cut(rows, ".csv")] == [1, 6, 5]


def test_a_table_is_cut_between_rows_under_its_columns() -> None:
    text = "| 品 | 説明 |\n|---|---|\n" + "".join(f"| {n} | {'長' * 70} |\n" for n in range(9))
    text += f"| 9 | {'長' * 800} |\n"
    first, *rest = cut(text, ".md")
    assert first == (1, 2, ())
    assert all(heading == ("品, 説明",) for _, _, heading in rest)
