"""What notes say of themselves, as tables: nothing they hold makes reading fail."""

from pathlib import Path

import pytest
from conftest import write_notes
from hypothesis import given
from hypothesis import strategies as st

from index.formats.metadata import MAX_CHARS, MAX_COUNT, About, about
from index.notes import read_notes
from index.words.dates import iso_date


@pytest.mark.parametrize(
    ("name", "date"),
    [
        ("2024-04-01.md", "2024-04-01"),
        ("20240401.txt", "2024-04-01"),
        ("2024_04_01 会議.md", "2024-04-01"),
        ("会議20240401.md", "2024-04-01"),
        ("memo2024-04-01-2.md", "2024-04-01"),
        ("日誌/2024年4月1日.md", "2024-04-01"),
        ("２０２４年４月１日.md", "2024-04-01"),
        ("令和6年4月1日の会議.txt", "2024-04-01"),
        ("平成元年1月8日.txt", "1989-01-08"),
        ("2024-04.md", "2024-04-01"),
        ("2024年4月.md", "2024-04-01"),
        ("2024-02-30.md", ""),
        ("2024-13.md", ""),
        ("2024-04-99.md", ""),
        ("18991231.md", ""),
        ("21010101.md", ""),
        ("120240401.md", ""),
        ("202404011230.md", ""),
        ("99999999と2024-04-01.md", "2024-04-01"),
        ("v2024.md", ""),
        ("2024-04-01/会議.md", ""),
    ],
)
def test_the_date_in_a_file_name(name: str, date: str) -> None:
    assert about(name, "").date == date


@pytest.mark.parametrize(
    ("yaml", "expected"),
    [
        ("title: 第3回定例", About(title="第3回定例")),
        ("title: 会議: 第3回\ntags:\n  - 仕事\n  - '#急ぎ'",
         About("会議: 第3回", ("仕事", "急ぎ"))),
        ("title: 007", About(title="007")),
        ("title: [a, b]", About()),
        ('title: "二行\\nの題"', About(title="二行 の題")),
        ("tags: [仕事, '#急ぎ', 仕事/会議, machine learning]",
         About(tags=("仕事", "急ぎ", "仕事/会議", "machine learning"))),
        ("tags: 仕事, 急ぎ、家 車", About(tags=("仕事", "急ぎ", "家", "車"))),
        ("tag: 仕事", About(tags=("仕事",))),
        ("tags: #仕事 #急ぎ", About(tags=("仕事", "急ぎ"))),
        ("Tags: 仕事\nTITLE: 題", About("題", ("仕事",))),
        ("aliases: [別の名, Other Name]", About(aliases=("別の名", "Other Name"))),
        ("alias: Other Name, 別名", About(aliases=("Other Name", "別名"))),
        ("date: 2024-04-01", About(date="2024-04-01")),
        ("created: 2024-04-01T09:30:00+09:00", About(date="2024-04-01")),
        ("日付: 令和6年4月1日(月)", About(date="2024-04-01")),
        ("date: 2024/4/1 10:00", About(date="2024-04-01")),
        ("date: 20240401", About(date="2024-04-01")),
        ("date: いつか\ncreated: 2024年4月1日", About(date="2024-04-01")),
        ("date: 2024-13-45", About()),
        ("- 一覧\n- だけ", About()),
        ("ただの文", About()),
        ("", About()),
        ("tags: {a: b}\naliases: 3\ntitle:", About(aliases=("3",))),
        ("title: &a [*a]", About(title="&a [*a]")),
        ("title: !!python/object/apply:os.getcwd []", About()),
        ("date: 0x" + "f" * 7_000, About()),
        ("[" * 7_000, About()),
        ("\t\x00: \x01", About()),
    ],
)  # fmt: skip
def test_front_matter(yaml: str, expected: About) -> None:
    assert about("a.md", f"---\n{yaml}\n---\n本文") == expected


def test_front_matter_goes_before_the_file_name_and_is_markdown_only() -> None:
    text = "---\ndate: 2024-04-01\ntags: 仕事\n---\n"
    assert about("2023-01-01.md", text).date == "2024-04-01"
    assert about("2023-01-01.txt", text) == About(date="2023-01-01")
    assert about("2023-01-01.md", text.replace("2024", "20240")).date == "2023-01-01"


def test_yaml_that_grows_does_not() -> None:
    levels = [f"k{n}: &k{n} {{<<: [{', '.join([f'*k{n - 1}'] * 9)}]}}" for n in range(1, 40)]
    tags = [f"t{n}: &t{n} [{', '.join([f'*t{n - 1}'] * 9)}]" for n in range(1, 40)]
    bomb = "\n".join(["k0: &k0 {a: b}", "t0: &t0 [仕事]", *levels, *tags, "tags: *t39"])
    many = "tags: [" + ", ".join(map(str, range(100_000))) + "]"
    assert about("a.md", f"---\n{bomb}\n---\n").tags == ()
    assert len(about("a.md", f"---\n{many}\n---\n").tags) <= MAX_COUNT
    assert len(about("a.md", f"---\ntitle: {'題' * 5_000}\n---\n").title) == MAX_CHARS


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("#仕事 の件。#急ぎ", ("仕事", "急ぎ")),
        ("買う（#家計 から）、#車", ("家計", "車")),
        ("# 見出し\n## 中見出し #見出しの中", ("見出しの中",)),
        ("#2024 と #2024年 と #v2", ("2024年", "v2")),
        ("#仕事/会議 #a-b_c", ("仕事/会議", "a-b_c")),
        ("C#言語 や [節](#節) や https://a.jp/p#q", ()),
        ("`#code` と ``a`#code`` と #本物", ("本物",)),
        ("```\n#code\n```\n~~~ py\n#code\n~~~\n#本物", ("本物",)),
        ("```\n#閉じない", ("閉じない",)),
        ("#仕事 #仕事", ("仕事",)),
    ],
)
def test_tags_in_the_text(text: str, tags: tuple[str, ...]) -> None:
    assert about("a.md", text).tags == tags
    assert about("a.txt", text).tags == ()


def test_org_keys_and_headline_tags() -> None:
    text = (
        "#+TITLE: 第3回 定例\n#+filetags: :仕事:会議:\n#+DATE: <2024-04-01 月>\n"
        "* TODO 見積り :急ぎ:仕事:\n本文 :違う:\n** 時刻は 10:30: です\n"
    )
    expected = About("第3回 定例", ("仕事", "会議", "急ぎ"), (), "2024-04-01")
    assert about("2023-01-01.org", text) == expected


@given(st.text(max_size=400), st.sampled_from(["---\n{}\n---\n", "{}", "---\ntags: {}\n---\n"]))
def test_any_text_is_survived(text: str, form: str) -> None:
    for suffix in (".md", ".org", ".txt", ".csv"):
        about("a" + suffix, form.format(text) if "{" not in text and "}" not in text else text)
    iso_date(text)


def test_notes_carry_what_they_say(tmp_path: Path) -> None:
    folder = write_notes(
        tmp_path, {"2024-04-01.md": "---\ntitle: 定例\naliases: [週例]\n---\n#仕事\n", "b.txt": "c"}
    )
    (named, plain), _ = read_notes(folder)
    assert (named.title, named.tags, named.aliases) == ("定例", ("仕事",), ("週例",))
    assert (named.date, plain.title, plain.date, plain.headings) == ("2024-04-01", "b", "", None)
