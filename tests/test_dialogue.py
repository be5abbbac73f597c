"""Follow-up questions: what they are completed to, and that they find what they mean."""

from collections.abc import Iterator
from pathlib import Path
from statistics import mean

import pytest
from conftest import EXAMPLE, ROOT, BigramEncoder, write_notes

from benchmarks import dialogues
from index import build, open_store
from index.storage.store import Store
from qa import ask
from qa.questions import read_questions
from qa.understanding.followup import asks_on, standalone
from qa.understanding.question import clean

CASES = list(read_questions(dialogues.CASES))


def test_follow_ups_one_after_another() -> None:
    chain = [EXAMPLE, "それはいつ？", "もっと詳しく", "他には？", "Xenの場合は？"]
    about = "Hyper-Vのライブマイグレーション対応"
    assert [standalone(question, chain[:at]) for at, question in enumerate(chain)] == [
        EXAMPLE,
        f"{about}はいつ？",
        f"{about}はいつか、もっと詳しく",
        f"{about}は他には？",
        "Xenのライブマイグレーション対応は？",
    ]


@pytest.mark.parametrize(
    ("earlier", "question", "completed"),
    [
        (EXAMPLE, "それはいつ？", "Hyper-Vのライブマイグレーション対応はいつ？"),
        (EXAMPLE, "もっと詳しく", "Hyper-Vのライブマイグレーション対応についてもっと詳しく"),
        (EXAMPLE, "他には？", "Hyper-Vのライブマイグレーション対応は他には？"),
        (EXAMPLE, "Xenの場合は？", "Xenのライブマイグレーション対応は？"),
        (EXAMPLE, "ありがとう。じゃあＸｅｎは?", "Xenのライブマイグレーション対応は？"),
        ("試作版は誰に見せる？", "いつですか", "試作版はいつ見せる？"),
        (EXAMPLE, "いつ搭載される？", "Hyper-Vのライブマイグレーション対応はいつ搭載される？"),
        ("京都旅行の宿は？", "費用は？", "京都旅行の費用は？"),
        ("京都の宿はどこ？", "大阪だと？", "大阪の宿はどこ？"),
        ("誰が犬を連れていた？", "それはいつ？", "誰が犬を連れていた？ それはいつ?"),
        ("BYOCって何？", "なぜ？", "BYOCはなぜ？"),
        ("肉じゃがの材料は？", "作り方は？", "肉じゃがの作り方は？"),
        ("読書会の参加者は何人？", "2月の場合は？", "2月の読書会の参加者は何人？"),
        ("パンダの名前は？", "秘密番号は？", "秘密番号は？"),
        ("What is BYOC?", "when was that?", "when was BYOC?"),
    ],
)
def test_a_follow_up_is_completed_as_a_person_would_type_it(
    earlier: str, question: str, completed: str
) -> None:
    assert standalone(question, [earlier]) == completed


def test_a_chain_is_completed_step_by_step() -> None:
    history = [EXAMPLE, "なるほど", "Xenの場合は？", "もっと詳しく"]
    assert standalone("VMwareだと？", history) == "VMwareのライブマイグレーション対応は？"
    assert standalone("それはいつ？", [*history, "ところで会場は？"]) == "会場はいつ？"


@pytest.mark.parametrize("question", ["それはいつ？", "他には？", "いつ？", "ありがとう", "", "😀"])
def test_with_nothing_before_it_a_question_stays(question: str) -> None:
    assert standalone(question, []) == question
    assert standalone(question, ["ありがとう", "😀", ""]) == question


def test_what_stands_alone_is_left_alone() -> None:
    assert dialogues.false_completions(CASES) == []
    asked = [row["question"] for row in read_questions(ROOT / "tests/questions/seeds.jsonl")]
    assert dialogues.changed_in_pairs(asked) == []


@pytest.mark.model
def test_follow_ups_find_as_much_as_the_same_in_full(seeds_store: Store, tmp_path: Path) -> None:
    build(dialogues.NOTES["dialogue_notes"], tmp_path)
    with open_store(tmp_path) as notes_store:
        stores = {"seeds": seeds_store, "dialogue_notes": notes_store}
        found = dialogues.measure(CASES, stores, ways=2)
    assert len(found) >= 40
    full, follow_up = (mean([one.right[way] for one in found]) for way in range(2))
    assert follow_up >= full - 0.05


@pytest.mark.parametrize(
    "question",
    [
        "それは" * 30_000,
        "ありがとう" * 20_000,
        "それ\0は\x1bいつ？",
        "\ud800は？",
        "の場合" * 40,
        "、" * 99,
    ],
)
def test_anything_may_be_typed(store: Store, question: str) -> None:
    for earlier in (EXAMPLE, "は" * 100_000, "\0は？", "。" * 100):
        standalone(clean(question), [earlier, clean(question), earlier])
    ask(question, store, history=[question, "カレーの作り方は？", question])


MINATO = "電子レンジ 炊飯器 扇風機 掃除機 冷蔵庫 電話機 時計"


@pytest.fixture
def shopping(tmp_path: Path, encoder: BigramEncoder) -> Iterator[Store]:
    notes = {
        "買い物.csv": "品名,店\n机,森家具\n"
        + "".join(f"{thing},みなと無線\n" for thing in MINATO.split()),
        "庭.md": "# 庭\n\n- 春に土を入れ替えた\n- トマトの苗は三本\n- 支柱は去年のもの\n\n"
        "- 猫が来た\n",
    }
    build(write_notes(tmp_path / "notes", notes), tmp_path / "store", encoder=encoder)
    with open_store(tmp_path / "store", encoder=encoder) as store:
        yield store


def test_what_else_leaves_out_what_was_said(shopping: Store) -> None:
    first = "みなと無線で買ったものは？"
    said = ask(first, shopping)
    other = ask("他には？", shopping, history=[first])
    assert said.more == 2
    rows = [row for of in (said, other) for cited in of.citations for row in cited.quote.split()]
    assert sorted(rows) == sorted(f"{thing},みなと無線" for thing in MINATO.split())
    nothing = ask("他には？", shopping, history=["トマトの苗は何本？"])
    assert (nothing.found, nothing.citations, nothing.confidence) == (False, (), 0)


def test_more_gives_the_lines_around_as_they_stand(shopping: Store) -> None:
    first = "トマトの苗は？"
    (short,) = ask(first, shopping).citations
    assert short.quote == "トマトの苗は三本"
    (longer,) = ask("もっと詳しく", shopping, history=[first]).citations
    assert longer.quote == "春に土を入れ替えた\n- トマトの苗は三本\n- 支柱は去年のもの"
    assert (longer.start_line, longer.end_line) == (3, 5)


@pytest.mark.parametrize(
    ("question", "searched"),
    [
        ("BYOCについてもっと詳しく教えてください", ("BYOCは？", "more")),
        ("resticの欠点は他には？", ("resticの欠点は？", "other")),
        ("詳しく書かれた本は？", ("詳しく書かれた本は？", "")),
        ("どこで買ったか、もっと詳しく", ("どこで買った？", "more")),
    ],
)
def test_asking_on_is_no_word_to_search_for(question: str, searched: tuple[str, str]) -> None:
    assert asks_on(question) == searched
