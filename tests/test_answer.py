"""Answers: every quote is a literal slice of its note, and a refusal is said as one."""

import json
import os
from pathlib import Path

import pytest
from conftest import EXAMPLE, ROOT, SEEDS, SEEDS_NOTE, BigramEncoder, answered, write_notes

from index import build, open_store
from index.errors import ModelUnavailable
from index.storage.searcher import LocalSearcher
from index.storage.store import Store
from qa import Answer, ask, retrieve
from qa.answer import NOT_FOUND

QUESTIONS = [
    json.loads(line)
    for line in (ROOT / "tests/questions/seeds.jsonl").read_text(encoding="utf-8").splitlines()
]


def assert_literal(answer: Answer, notes: Path) -> None:
    """Each quote stands in the lines it names, and the text says nothing else."""
    for citation in answer.citations:
        lines = (notes / citation.path).read_text(encoding="utf-8").split("\n")
        cited = "\n".join(lines[citation.start_line - 1 : citation.end_line])
        assert citation.quote in cited
        assert citation.quote.strip() == citation.quote
    said = "\n".join(f"{citation.quote} [{citation.n}]" for citation in answer.citations)
    assert answer.text == (said or NOT_FOUND)
    assert answer.found == bool(answer.citations)


@pytest.mark.model
def test_the_example_question_cites_both_lines(seeds_store: Store) -> None:
    answer = ask(EXAMPLE, seeds_store)
    assert answer.found
    assert {citation.path for citation in answer.citations} == {SEEDS_NOTE}
    assert [citation.start_line for citation in answer.citations] == [160, 161]
    assert "VMotionに対応する機能は現時点でHyper-Vにはない" in answer.citations[0].quote
    assert "WindowsServer2008R2ではライブマイグレーションを搭載予定" in answer.citations[1].quote
    assert answer.citations[0].heading[-1] == "仮想化の利用シナリオ"


@pytest.mark.model
def test_every_citation_over_the_users_note_is_literal(seeds_store: Store) -> None:
    for row in QUESTIONS:
        assert_literal(ask(row["question"], seeds_store), SEEDS)


def test_notes_that_vanished_leave_the_others(tmp_path: Path, encoder: BigramEncoder) -> None:
    notes = {f"{n}.txt": f"会議の場所は第{n}会議室。\n" for n in range(25)}
    folder = write_notes(tmp_path / "n", notes)
    build(folder, tmp_path / "s", encoder=encoder)
    with open_store(tmp_path / "s", encoder=encoder) as store:
        gone = {hit.passage.path for hit in retrieve("会議の場所は？", store, k=20)}
        for path in gone:
            (folder / path).unlink()
        answer = ask("会議の場所は？", store, k=50)
    assert answer.found
    assert {hit.passage.path for hit in answer.hits} == notes.keys() - gone
    assert_literal(answer, folder)


def test_a_near_meaning_without_a_word_in_common_is_no_answer(store: Store) -> None:
    answer = ask("あれは？", store)
    assert not answer.found
    assert answer.confidence == 0


@pytest.mark.model
def test_spellings_find_the_same_line(seeds_store: Store) -> None:
    lines = {
        retrieve(question, seeds_store)[0].passage.start_line
        for question in (
            "サーバ仮想化の落とし穴",
            "サーバー仮想化の落とし穴",
            "server仮想化の落とし穴",
        )
    }
    assert lines == {88}


def test_the_fewest_lines_are_quoted(store: Store, notes: Path) -> None:
    answer = ask("サーバを買う費用は？", store)  # the note writes サーバー
    assert_literal(answer, notes)
    assert [citation.path for citation in answer.citations] == ["会議.md"]
    assert answer.citations[0].quote == "新しいサーバーを二台買う。費用は40万円まで。"
    assert answer.citations[0].heading == ("定例会議", "決定事項")


@pytest.mark.parametrize(
    "text",
    [
        "持ち物\n\n・冬山の装備\n  ・アイゼン\n  ・ピッケル\n・食料\n",
        "持ち物\n\n  ・冬山の装備\n\t・アイゼン\n\t・ピッケル\n  ・食料\n",  # by a tab
    ],
)
def test_a_bullet_is_quoted_with_what_hangs_on_it(
    tmp_path: Path, encoder: BigramEncoder, text: str
) -> None:
    folder = write_notes(tmp_path / "notes", {"登山.txt": text})
    build(folder, tmp_path / "store", encoder=encoder)
    with open_store(tmp_path / "store", encoder=encoder) as store:
        answer = ask("冬山の装備は？", store)
    assert_literal(answer, folder)
    (citation,) = answer.citations
    assert (citation.start_line, citation.end_line) == (3, 5)
    assert citation.quote == text[text.index("冬山") : text.index("ル\n") + 1]


def test_a_refusal_names_the_words_that_are_nowhere(store: Store) -> None:
    answer = ask("宇宙船の燃料は？", store)
    assert (answer.found, answer.text, answer.citations) == (False, NOT_FOUND, ())
    assert set(answer.absent) >= {"宇宙", "燃料"}


@pytest.mark.parametrize("question", ["", "  \n", "🍣🍺", "？！", "\x00", "\ud800"])
def test_nothing_asked_is_answered_with_a_sentence(store: Store, question: str) -> None:
    answer = ask(question, store)
    assert not answer.found
    assert "質問" in answer.text
    assert retrieve(question, store) == []


def test_a_very_long_question_is_searched_by_its_beginning(store: Store) -> None:
    answer = ask("カレーの作り方は？" + "それと天気。" * 2_000, store)
    assert answer.hits[0].passage.path == "料理.txt"
    assert "1,000" in answer.notice


def test_a_note_that_changed_is_cited_as_it_is_now(store: Store, notes: Path) -> None:
    path = notes / "料理.txt"
    path.write_text("題\n\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    answer = answered("カレーの作り方は？", store)
    assert_literal(answer, notes)
    assert [(c.start_line, c.changed) for c in answer.citations] == [(3, True)]
    path.write_text("空っぽになった。\n", encoding="utf-8")
    answer = answered("カレーの作り方は？", store)
    assert (answer.found, answer.text) == (False, NOT_FOUND)
    path.unlink()
    assert not answered("カレーの作り方は？", store).found


def test_a_line_that_now_goes_on_is_not_quoted(tmp_path: Path, encoder: BigramEncoder) -> None:
    folder = write_notes(tmp_path / "notes", {"柿.md": "# 柿\n\n- 柿の収穫は十月である\n"})
    build(folder, tmp_path / "store", encoder=encoder)
    with open_store(tmp_path / "store", encoder=encoder) as store:
        assert ask("柿の収穫はいつ？", store).citations[0].quote == "柿の収穫は十月である"
        stamp = (folder / "柿.md").stat()
        write_notes(folder, {"柿.md": "# 柿\n\n- 柿の収穫は十月である必要はない\n"})
        os.utime(folder / "柿.md", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        answer = answered("柿の収穫はいつ？", store)
        assert (answer.found, answer.citations) == (False, ())
        assert "柿.md" in answer.notice
        (folder / "柿.md").unlink()
        answer = answered("柿の収穫はいつ？", store)
        assert answer.hits == ()
        assert "柿.md" in answer.notice


def test_without_its_model_the_store_answers_by_keywords(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ModelUnavailable("モデルがありません")

    monkeypatch.setattr(LocalSearcher, "question_vector", broken)
    answer = ask("カレーの作り方は？", store)
    assert answer.found
    assert "言葉だけ" in answer.notice


def test_k_is_checked(store: Store) -> None:
    assert len(retrieve("サーバー カレー 鍵", store, k=2)) == 2
    with pytest.raises(ValueError, match="k must be"):
        retrieve("サーバー", store, k=0)


@pytest.mark.parametrize(
    ("name", "text", "question", "quotes"),
    [
        (
            "灯台.txt",
            "灯台の高さ\n灯台の高さは三十一メートルである。\n次の行。\n",
            "灯台の高さは？",
            ["灯台の高さは三十一メートルである。"],
        ),
        (
            "名簿.csv",
            '名前,電話,備考\n山田太郎,03-1234-5678,"午前のみ\n折り返し不要"\n川上,06-1,なし\n',
            "山田太郎の備考は？",
            ['山田太郎,03-1234-5678,"午前のみ\n折り返し不要"'],
        ),
        (
            "企画.md",
            "---\naliases: [キックオフ]\n---\n# 企画\n\n- 予算は八十万円\n- 会場は本社\n",
            "キックオフの予算はいくら？",
            ["予算は八十万円"],
        ),
    ],
)
def test_what_tells_something_is_quoted_and_nothing_beside(
    tmp_path: Path, encoder: BigramEncoder, name: str, text: str, question: str, quotes: list[str]
) -> None:
    folder = write_notes(tmp_path / "notes", {name: text})
    build(folder, tmp_path / "store", encoder=encoder)
    with open_store(tmp_path / "store", encoder=encoder) as store:
        assert [citation.quote for citation in ask(question, store).citations] == quotes
