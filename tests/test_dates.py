"""Dates and numbers as people write them, one value however written; and the day of a note."""

import time
from datetime import date
from pathlib import Path

import pytest
from conftest import BigramEncoder, write_notes
from hypothesis import given
from hypothesis import strategies as st

from index import build, open_store
from index.formats.metadata import about
from index.notes import Note
from index.splitting import split
from index.words.dates import find_dates, iso_date
from index.words.letters import nfkc
from index.words.numerals import phone, value
from index.words.tokens import tokenize
from qa import ask
from qa.understanding.time import dated, on_day, read_spans, times

TODAY = date(2026, 11, 25)  # a Wednesday


def dates(text: str) -> list[str]:
    """Each date of a text as it reads; of one without a year what is known."""
    return [
        of.iso if of.year else f"{of.month:02}-{of.day:02}{of.part}"
        for of in find_dates(nfkc(text))
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024年4月1日(月)に", ["2024-04-01"]),
        ("令和六年四月一日", ["2024-04-01"]),
        ("二〇一九年十二月三十一日", ["2019-12-31"]),
        ("平成元年1月8日", ["1989-01-08"]),
        ("２０２４／０４／０１", ["2024-04-01"]),
        ("R6.4.1, S64.1.7", ["2024-04-01", "1989-01-07"]),
        ("議事録 20240415 版", ["2024-04-15"]),
        ("4/8(月)と４月９日", ["04-08", "04-09"]),
        ("2024年4月", ["2024-04"]),
        ("4月上旬、5月末", ["04-00上旬", "05-00末"]),
        ("2024年度の予算", ["2024"]),
        ("2024-02-30, 令和0年1月1日, 13月1日, 0/5, 4/31", []),
        ("2024-04-01-15", []),  # a code
        ("03-1234-5678 と 1.2.3 と 192.168.1.1", []),
        ("10年ぶり、20代、3年間、1000年前", []),
    ],
)
def test_dates_in_a_text(text: str, expected: list[str]) -> None:
    assert dates(text) == expected


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("2024-04-15.md", "- 夕飯\n", "2024-04-15"),
        ("日誌_2024_04_15.txt", "夕飯\n", "2024-04-15"),
        ("20240415会議.org", "* 議題\n", "2024-04-15"),
        ("会議.md", "---\ndate: 令和6年4月15日\n---\n夕飯\n", "2024-04-15"),
        ("会議.md", "夕飯は四月十五日\n", ""),  # what a text says in passing is not its day
        ("24-04-15.md", "夕飯\n", "2024-04-15"),
        ("99999999.md", "夕飯\n", ""),
    ],
)
def test_the_day_of_a_note(path: str, text: str, expected: str) -> None:
    note = Note(path, "a", text, "utf-8", "", date=about(path, text).date)
    assert note.day == expected
    assert {passage.date for passage in split(note)} == {expected}


def test_a_dated_heading_is_the_day_of_what_stands_below_it() -> None:
    text = "# 日誌\n\n## 12/30(月)\n\n大掃除。\n\n## 1/2\n\n初詣。\n\n## 備考\n\n鍵は引き出し。\n"
    found = {p.text: p.date for p in split(Note("a.md", "a", text, "utf-8", "", date="2024-12-01"))}
    assert (found["大掃除。"], found["初詣。"]) == ("2024-12-30", "2025-01-02")
    assert found["鍵は引き出し。"] == "2024-12-01"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("3,500", "3500"),
        ("三千五百", "3500"),
        ("3.5千", "3500"),
        ("1万2千", "12000"),
        ("1億2000万", "120000000"),
        ("二十五", "25"),
        ("二五", "25"),
        ("1" * 40, ""),
    ],
)
def test_a_number_by_its_value(written: str, expected: str) -> None:
    assert value(written) == expected


def test_numbers_stay_apart() -> None:
    assert "1200300" not in {term for word in tokenize("1,200、300") for term in word.all_terms}
    assert {word.terms[0] for word in tokenize("1,2")} == {"1", "2"}
    assert (phone("090-1234-5678"), phone("+81 90-1234-5678"), phone("2024-04-01-15")) == (
        "09012345678",
        "09012345678",
        "",
    )


@pytest.mark.parametrize(
    ("question", "searched"),
    [
        ("昨日の夕飯は？", "昨日(2026年11月24日)の夕飯は？"),
        ("先週何をした？", "先週(2026年11月16日〜2026年11月22日)何をした？"),
        ("一昨日の夕飯は？", "一昨日(2026年11月23日)の夕飯は？"),  # a day that has no note, too
        ("先月の予定は？", "先月(2026年10月)の予定は？"),
        ("去年の夏の旅行は？", "去年の夏(2025年6月〜2025年8月)の旅行は？"),
        ("最近の夕飯は？", "最近(2026年10月26日〜2026年11月25日)の夕飯は？"),
        ("8月8日の夕飯は？", "2025年8月8日の夕飯は？"),  # the newest year that has it
        ("11/16から11/20は？", "2026年11月16日〜2026年11月20日は？"),
        ("今年の春は？", "今年の春は？"),  # no note is of it
        ("一昨日きやがれ(笑)は？", "一昨日(2026年11月23日)きやがれ(笑)は？"),
        ("明治の夕飯は？", "明治の夕飯は？"),
        ("毎日新聞は？", "毎日新聞は？"),
    ],
)
def test_times_against_the_notes(diary: Path, question: str, searched: str) -> None:
    with open_store(diary, encoder=BigramEncoder()) as store, store.searcher() as index:
        assert dated(question, index, TODAY) == searched


@pytest.fixture(scope="module")
def diary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("diary")
    notes = {
        "2026-11-24.md": "# 日記\n\n- 夕飯は鍋\n",
        "2026-11-17.md": "# 日記\n\n- 夕飯はカレー\n- 歯医者に行った\n",
        "2026-10-08.md": "# 日記\n\n- 夕飯は餃子\n- 自転車を買った\n",
        "2025-08-08.md": "# 日記\n\n- 夕飯はそうめん\n",
        "買い物.md": "# 買い物\n\n- 電池は単三を四本\n",
    }
    build(write_notes(folder / "notes", notes), folder / "store", encoder=BigramEncoder())
    return folder / "store"


def test_a_day_is_answered_by_its_own_notes_alone(diary: Path) -> None:
    with open_store(diary, encoder=BigramEncoder()) as store:

        def quotes(question: str) -> list[str]:
            return [cited.quote for cited in ask(question, store, today=TODAY).citations]

        assert quotes("先週の夕飯は？") == ["夕飯はカレー"]
        assert quotes("昨日の夕飯は？") == ["夕飯は鍋"]
        assert quotes("8/8の夕飯は？") == ["夕飯はそうめん"]
        assert quotes("一昨日の夕飯は？") == quotes("2024年11月24日の夕飯は？") == []
        newest = ask("夕飯は何？", store, today=TODAY)
        assert [cited.date for cited in newest.citations] == sorted(
            (cited.date for cited in newest.citations), reverse=True
        )
        assert len(newest.citations) == 4
        when = ask("歯医者に行ったのはいつ？", store, today=TODAY)
        assert (when.citations[0].quote, when.citations[0].date) == ("歯医者に行った", "2026-11-17")
        assert any("2026-11-17" in notice.ja for notice in when.notices)


def test_the_heading_that_names_the_day_is_cited(tmp_path: Path, encoder: BigramEncoder) -> None:
    text = "# 工場\n\n## 2024年5月8日\n\n- 印刷機が止まった\n\n## 2024年5月9日\n\n- 部品を替えた\n"
    build(write_notes(tmp_path / "n", {"日報.md": text}), tmp_path / "s", encoder=encoder)
    with open_store(tmp_path / "s", encoder=encoder) as store:
        cited = ask("印刷機が止まったのはいつ？", store).citations
        assert [(of.quote, of.start_line) for of in cited] == [
            ("印刷機が止まった", 5),
            ("2024年5月8日", 3),
        ]


BY_LINES = "2025年8月3日（日）\n家族で軽井沢へ。\n\n2025/9/2\n自転車がパンクした。\n"
BY_MONTH = "# 2026年11月\n\n## 18日（水）\n\n映画を見た。\n\n## 24日（火）\n\nみかんが届いた。\n"


@pytest.mark.model
@pytest.mark.parametrize(
    ("path", "text", "question", "quotes"),
    [
        ("日記.txt", BY_LINES, "2025年8月3日は何をした？", ["家族で軽井沢へ。"]),
        ("日記.txt", BY_LINES, "去年の8月に何をした？", ["家族で軽井沢へ。"]),
        ("日記.txt", BY_LINES, "パンクしたのはいつ？", ["自転車がパンクした。", "2025/9/2"]),
        ("11月.md", BY_MONTH, "昨日何が届いた？", ["みかんが届いた。"]),
        ("11月.md", BY_MONTH, "先週の水曜は何を見た？", ["映画を見た。"]),
        ("11月.md", BY_MONTH, "映画を見たのはいつ？", ["映画を見た。", "18日（水）"]),
        ("2026/11/18.md", "映画を見た。\n", "先週は何を見た？", ["映画を見た。"]),
        (
            "日記.md",
            "■9月2日\n鍵をなくした。\n",
            "鍵をなくしたのはいつ？",
            ["鍵をなくした。", "■9月2日"],
        ),
        ("日記.md", "11/18(水) 映画を見た。\n", "先週は何を見た？", ["11/18(水) 映画を見た。"]),
    ],
)
def test_days_as_diaries_have_them(
    tmp_path: Path, path: str, text: str, question: str, quotes: list[str]
) -> None:
    build(write_notes(tmp_path / "n", {path: text, "家.md": "# 家\n\n- 鍵は棚\n"}), tmp_path / "s")
    with open_store(tmp_path / "s") as store:
        cited = ask(question, store, today=TODAY).citations
    assert [of.quote for of in cited] == quotes


def test_a_span_is_met_by_its_days() -> None:
    (trip, *_) = tokenize("2024年4月29日〜5月2日は出張")
    assert "2024-5-1" in trip.all_terms
    assert "2024-5-3" not in trip.all_terms
    assert "?-5-1" in tokenize("4/29から5/2まで帰省")[0].all_terms
    text, words = read_spans("2026年11月16日〜22日の夕飯")
    assert (text, len(words), words[0].exact) == ("、の夕飯", 1, True)
    assert "2026-11-20" in words[0].terms
    (day,) = find_dates("2026年11月17日")
    assert on_day("先週(2026年11月16日〜2026年11月22日)の夕飯", day) == "2026年11月17日の夕飯"
    (other,) = find_dates("2026年11月23日")
    assert on_day("先週(2026年11月16日〜2026年11月22日)の夕飯は？", other) == ""


@given(st.text(alphabet="0123456789年月日/-.〜から一二十〇令和元昨日先週(（) ", max_size=40))
def test_any_signs_of_time_are_survived(text: str) -> None:
    for first, last in times(nfkc(text)):
        assert first.start < first.end <= last.end
        assert not first.year or first.first <= last.last
    read_spans(nfkc(text))
    iso_date(text)
    tokenize(text, "2024-04-01")


def test_long_numbers_and_dates_take_no_time() -> None:
    def seconds(length: int) -> float:
        started = time.perf_counter()
        for unit in (
            "1",
            "1,",
            "一",
            "千",
            "1/",
            "2024-",
            "4月",
            "(090)",
            "+81 ",
            "分の",
            "2024年",
        ):
            tokenize(unit * (length // len(unit)))
        return time.perf_counter() - started

    assert seconds(16_000) < 16 * max(seconds(4_000), 0.01)
