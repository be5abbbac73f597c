"""Which passage comes first, and that what a list or a title says is shown whole."""

from pathlib import Path

import pytest
from conftest import BigramEncoder, write_notes

from index import build, open_store
from index.passages import Passage
from index.storage.store import Store
from index.words.tokens import tokenize
from qa import ask, retrieve
from qa.hit import Hit
from qa.rank import earned_by_meaning, rank
from qa.understanding.kinds import kind_asked, offers
from qa.understanding.question import Question, counts_for


def opened(tmp_path: Path, notes: dict[str, str], encoder: BigramEncoder) -> Store:
    build(write_notes(tmp_path / "notes", notes), tmp_path / "store", encoder=encoder)
    return open_store(tmp_path / "store", encoder=encoder)


SEMINAR = """勉強会のメモ

開会の挨拶(山野商事 安田稔氏)

• 去年より人が増えた。
• 会場は来年も同じ。

倉庫の引越し(渡辺運輸 平谷靖志氏)

• 引越しの落とし穴
  • 棚の高さを測り忘れる
  • 鍵の受け渡しが夜になる
• 費用は40万円。
• 引越しは4月1日に終わる。
"""


def passage(text: str) -> Passage:
    return Passage("a.txt", 1, 1, (), text, 0)


@pytest.mark.parametrize(
    ("question", "line"),
    [
        ("開会の挨拶をしたのは誰？", 3),  # a title, when it names the person asked for
        ("倉庫の引越しを話したのは誰？", 8),
        ("引越しの落とし穴は？", 10),  # the parent with its children
        ("引越しの費用はいくら？", 13),
        ("引越しはいつ終わる？", 14),
    ],
)
def test_the_line_that_can_answer_comes_first(
    question: str, line: int, tmp_path: Path, encoder: BigramEncoder
) -> None:
    with opened(tmp_path, {"勉強会.txt": SEMINAR}, encoder) as store:
        first = retrieve(question, store)[0].passage
        assert first.start_line == line


def test_a_list_is_quoted_with_what_hangs_below_it(tmp_path: Path, encoder: BigramEncoder) -> None:
    with opened(tmp_path, {"勉強会.txt": SEMINAR}, encoder) as store:
        [citation] = ask("引越しの落とし穴は？", store).citations
    assert (citation.start_line, citation.end_line) == (10, 12)
    assert citation.heading == ("勉強会のメモ", "倉庫の引越し(渡辺運輸 平谷靖志氏)")


def test_a_title_that_only_repeats_the_question_comes_after_its_section(
    tmp_path: Path, encoder: BigramEncoder
) -> None:
    notes = {"家.md": "# 家のこと\n\n## 粗大ごみ\n\n水曜の朝に、緑の札をつけて出す。\n"}
    with opened(tmp_path, notes, encoder) as store:
        hits = retrieve("粗大ごみについて教えて", store)
    assert [hit.passage.text for hit in hits[:2]] == [
        "水曜の朝に、緑の札をつけて出す。",
        "## 粗大ごみ",
    ]


def test_a_title_with_a_speaker_is_no_answer_to_what_was_said(
    tmp_path: Path, encoder: BigramEncoder
) -> None:
    with opened(tmp_path, {"勉強会.txt": SEMINAR}, encoder) as store:
        assert retrieve("開会の挨拶について教えて", store)[0].passage.start_line in (5, 6)


def test_what_says_nothing_does_not_rise_above_what_does() -> None:
    empty, cat = (
        Hit(passage(text), score=0.0, keyword=0.0, meaning=meaning)
        for text, meaning in (("", -3.0), ("猫だ", -1.5))
    )
    asked = Question("x", (), (), (), (), ())
    assert [hit.passage.text for hit in rank(asked, [empty, cat])] == ["猫だ", ""]


def test_scores_fall_and_their_parts_make_a_whole(tmp_path: Path, encoder: BigramEncoder) -> None:
    notes = {f"{n}.txt": f"{n}番の棚には工具と電池がある。\n" for n in range(30)}
    with opened(tmp_path, notes, encoder) as store:
        hits = retrieve("7番の棚の工具は？", store, k=30)
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert len(hits) == len({hit.passage for hit in hits}) > 20
    assert hits[0].passage.path == "7.txt"
    assert all(0 <= earned_by_meaning(hit) <= 1 for hit in hits[:20])


def test_the_order_does_not_depend_on_how_many_are_asked_for(
    tmp_path: Path, encoder: BigramEncoder
) -> None:
    notes = {f"{n}.txt": f"{n}番の棚には工具と電池がある。\n" for n in range(40)}
    with opened(tmp_path, notes, encoder) as store:
        few, many = (retrieve("7番の棚の電池は？", store, k=k) for k in (3, 35))
    assert [hit.passage for hit in few] == [hit.passage for hit in many[:3]]


@pytest.mark.parametrize(
    ("question", "offering", "lacking"),
    [
        ("担当は誰？", "担当は安田稔氏。", "担当は来月決める。"),
        ("山田の上司は誰？", "山田の上司は鈴木。", "山田は営業にいる。"),
        ("ゲストOSは何種類？", "30種類以上が動く。", "2009年に動いた。"),
        ("会費はいくら？", "会費は三千円。", "会費は2009年に決まった。"),
        ("いつ終わる？", "2009H1に完了の見通し", "3割が完了"),
        ("8コアはいつ？", "2010年頃に8コア", "8コアの製品"),
        ("何ナノメートル？", "45nmプロセス", "細かいプロセス"),
        ("速さはどのくらい？", "2-3%のダウン", "遅くなる"),
        ("大会はどこで？", "大会は大阪で開く。", "大会は春に開く。"),
        ("会議はいつ？", "2024-04-01 10:30 開始", "会議室で開始"),
        ("懇親会は何曜日？", "懇親会は金曜日", "懇親会は3日"),
        ("採用率は何パーセント？", "採用率は30%", "採用は30年前"),
        ("参加者は何人？", "参加者は12名", "参加費は12ドル"),
        ("拠点は何か国？", "160カ国の拠点", "160人の拠点"),
        ("会費は何円？", "会費は¥3000", "会費は3000"),
    ],
)
def test_what_kind_of_thing_is_asked_for(question: str, offering: str, lacking: str) -> None:
    asked = kind_asked(question)
    assert offers(passage(offering), asked, question)
    assert not offers(passage(lacking), asked, question)


def test_most_questions_ask_for_no_certain_kind() -> None:
    for question in (
        *("Hyper-Vのライブマイグレーション対応は？", "違いは何ですか？", "", "なだれの原因は？"),
        *(
            "いつも使うツールは？",
            "いくら丼の作り方は？",
            "誰でも使えるツールは？",
            "どこかの話は？",
        ),
    ):
        assert kind_asked(question) == ("", "")
        assert not offers(passage("2009年に安田が大阪で40万円"), kind_asked(question), question)


def test_no_line_is_shown_twice(tmp_path: Path, encoder: BigramEncoder) -> None:
    long_line = "".join(f"{n}番の棚には工具がある。" for n in range(200))  # several passages
    with opened(tmp_path, {"勉強会.txt": SEMINAR, "棚.txt": long_line}, encoder) as store:
        for question in ("引越しの落とし穴は？", "7番の棚の工具は？", "倉庫の引越しの費用は誰が？"):
            passages = [hit.passage for hit in retrieve(question, store, k=30)]
            shown = [(p.path, at) for p in passages for at in range(p.start, p.start + len(p.text))]
            assert len(shown) == len(set(shown))
            quotes = [citation.quote for citation in ask(question, store).citations]
            assert not any(one in other for one in quotes for other in quotes if one is not other)


@pytest.mark.parametrize(
    ("word", "known"),
    [
        ("名前", True),
        ("理由", True),
        ("一番", True),
        ("ライブマイグレーション", False),
        ("京都", False),
    ],
)
def test_words_of_asking_count_for_less(word: str, known: bool) -> None:
    [cut] = tokenize(word)
    assert (counts_for(cut) < 0.8) is known
    assert 0 < counts_for(cut) <= 1
