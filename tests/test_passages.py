"""Passages: exact slices, whole coverage, small enough, and cut where the note's structure is."""

import pytest
from conftest import SEEDS
from hypothesis import given
from hypothesis import strategies as st

from index.notes import Note, read_notes
from index.passages import MAX_CHARS, MAX_LINES, Passage, sentence_pieces, split


def note(text: str) -> Note:
    return Note("a.txt", "a", text, "utf-8", "")


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
         "1. 一番", "| a | b |", "■章", "　字下げの段落。", "題名", "> 引用", "\t- タブ"]
    ),
    st.text(alphabet="あ漢A1。、 　\t・", max_size=60),
    st.text(alphabet="ながい文。、", min_size=590, max_size=1900),
)  # fmt: skip


@given(st.lists(LINE, min_size=1, max_size=60).map("\n".join))
def test_any_text_is_covered_by_exact_slices(text: str) -> None:
    obeys(note(text), split(note(text)))


@given(st.text(max_size=3000))
def test_any_characters_are_covered(text: str) -> None:
    source = note(text.replace("\r\n", "\n").replace("\r", "\n"))
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
        (20, 22, ("旅行", "持ち物")),
        (24, 25, ()),
        (26, 26, ("おわり",)),
    ],
)
def test_markdown_structure(first: int, last: int, heading: tuple[str, ...]) -> None:
    places = {(p.start_line, p.end_line): p.heading for p in split(note(MARKDOWN))}
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
