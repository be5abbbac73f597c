"""Measuring: what is counted, and how two measurements compare."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import BigramEncoder, write_notes

import index.models.encoder
from benchmarks import compare
from benchmarks.compare import gained, interval, paired
from qa.evaluate import Outcome, main, summarize
from qa.questions import Place, QuestionsError, locate

QUESTIONS = [
    {"id": "q1", "category": "who", "question": "鍵は誰に返す？", "quotes": ["鍵は管理人に返す"]},
    {"id": "q2", "category": "what", "question": "サーバーの費用は？", "quotes": ["40万円まで"]},
    {"id": "q3", "category": "no", "question": "東京タワーの高さは？", "quotes": []},
]


@pytest.fixture(autouse=True)
def fast_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command loads a BigramEncoder."""
    monkeypatch.setattr(index.models.encoder, "_load", lambda _: BigramEncoder())
    monkeypatch.setattr(index.models.encoder, "_loaded", {})


def outcome(id: str, ranks: Sequence[int | None], found: bool = True, **other: Any) -> Outcome:
    values = {"question": f"{id}は？", "confidence": 0.5} | other
    return Outcome(
        id=id, category="c", wanted=(), ranks=tuple(ranks), cited=0.0, found=found,
        milliseconds=1.0, **values,
    )  # fmt: skip


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> str:
    path.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    return str(path)


# ── what is wanted ────────────────────────────────────────────────────────────────────────────


def test_each_quote_stands_for_the_line_where_it_begins(tmp_path: Path) -> None:
    folder = write_notes(
        tmp_path / "n", {"a.txt": "一行目はりんご。\n二行目はみかん。\n", "b.txt": "ぶどうの話。\n"}
    )
    row = {"question": "果物は？", "quotes": ["みかん", "りんご", "ぶどう"]}
    (asked,) = locate([row], folder)
    assert asked.wanted == (Place("a.txt", 1, 1), Place("a.txt", 2, 2), Place("b.txt", 1, 1))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"quotes": ["どこにもない引用"]}, "どのノートにもありません"),
        ({}, '"quotes" がありません'),
        ({"quotes": "鍵は管理人に返す"}, '"quotes" がありません'),
        ({"quotes": ["x"], "path": "料理.txt", "lines": [99]}, "この行はノートにありません"),
        ({"quotes": ["x"], "path": "ない.txt", "lines": [1]}, "この行はノートにありません"),
    ],
)
def test_a_row_that_cannot_be_measured_is_named(
    notes: Path, row: dict[str, Any], message: str
) -> None:
    with pytest.raises(QuestionsError, match=message):
        locate([{"id": "q", "question": "鍵は？", **row}], notes)


# ── what it comes to ──────────────────────────────────────────────────────────────────────────


def test_a_summary_is_of_the_questions_it_applies_to() -> None:
    outcomes = [
        outcome("a", [1, 3], confidence=0.9),
        outcome("b", [None], found=False, confidence=0.2),
        outcome("c", [], found=True, confidence=0.4),
        outcome("d", [], found=False, confidence=0.1),
    ]
    summary = summarize(outcomes)
    assert summary["recall@1"] == (1 / 2 + 0) / 2
    assert summary["recall@3"] == (2 / 2 + 0) / 2
    assert summary["reciprocal_rank"] == (1 + 0) / 2
    assert summary["wrongly_refused"] == summary["refused"] == 1 / 2
    assert summary["auroc"] == (1 + 1 + 0 + 1) / 4
    assert summarize(outcomes[:2])["refused"] is None  # not 0: nothing was to be refused
    assert summarize([])["milliseconds_p50"] is None


def test_compare_tells_better_from_worse() -> None:
    old = [
        outcome("up", [4]),
        outcome("down", [1]),
        outcome("lost", [2], found=True),
        outcome("same", [1, None]),
        outcome("refused now", [], found=True),
        outcome("gone", [1]),
        outcome("other", [1]),
    ]
    new = [
        outcome("other", [1], question="別の質問は？"),
        outcome("refused now", [], found=False),
        outcome("same", [1, None]),
        outcome("up", [2]),
        outcome("down", [None]),
        outcome("lost", [1], found=False),
        outcome("fresh", [1]),
    ]
    pairs = paired(old, new)
    assert [after.id for _, after in pairs] == ["refused now", "same", "up", "down", "lost"]
    assert [after.id for before, after in pairs if gained(before, after)] == [
        "refused now",
        "up",
        "lost",
    ]
    assert [after.id for before, after in pairs if gained(after, before)] == ["down", "lost"]


def test_a_difference_has_an_interval_by_pairs() -> None:
    assert interval([0.5] * 30, [1.0] * 30) == (0.5, 0.5)
    assert interval([0.5], [0.5]) == (0.0, 0.0)
    low, high = interval([0.0, 1.0] * 50, [1.0, 1.0, 0.0, 1.0] * 25)
    assert -0.2 < low < 0.25 < high < 0.5


# ── the command ───────────────────────────────────────────────────────────────────────────────


def test_two_runs_are_measured_and_compared(
    tmp_path: Path, notes: Path, store_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A note that says more of one question comes in between."""
    at = ["--notes", str(notes), "--store", str(store_folder)]
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    questions = write_rows(tmp_path / "q.jsonl", QUESTIONS)
    assert main([questions, *at, "--json", str(before)]) == 0
    shown = capsys.readouterr().out
    assert "1.000  1 位までにある、求めた行" in shown
    write_notes(notes, {"鍵.txt": "鍵は誰に返すかを、山田に聞く。\n"})
    assert main([questions, *at, "--json", str(after)]) == 0
    capsys.readouterr()
    assert compare.main([str(before), str(after)]) == 0
    shown = capsys.readouterr().out
    assert "3 questions in both" in shown
    assert "recall@1         1.000 → 0.500" in shown
    assert "worse: 1\n  q1 鍵は誰に返す？: 1, answered → 2" in shown


def test_json_alone_on_standard_output(
    tmp_path: Path, notes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    questions = write_rows(tmp_path / "q.jsonl", QUESTIONS)
    at = ["--notes", str(notes), "--store", str(tmp_path / "s")]
    assert main([questions, *at, "--json", "-"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content.keys() == {"summary", "categories", "questions"}
    assert list(content["categories"]) == ["who", "what", "no"]
    assert content["summary"]["recall@1"] == 1
    assert content["summary"]["auroc"] == 1
    assert content["questions"][0]["wanted"] == [{"path": "仕事/引越し.txt", "first": 4, "last": 4}]


def test_what_was_written_by_hand_is_not_written_over(
    tmp_path: Path, notes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    questions = write_rows(tmp_path / "q.jsonl", QUESTIONS)
    for target in (notes / "料理.txt", notes / "新しい.json", Path(questions)):
        assert main([questions, "--notes", str(notes), "--json", str(target)]) == 1
        assert "書きません" in capsys.readouterr().err
    assert (notes / "料理.txt").read_text(encoding="utf-8").startswith("カレー")
