"""Measuring: what is counted, and how two measurements compare."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import BigramEncoder, write_notes

import index.models.encoder
from qa.evaluate import main
from qa.measuring.compare import compare
from qa.measuring.outcomes import Outcome, intervals, summarize
from qa.measuring.questions import Place, QuestionsError, locate
from qa.measuring.results import as_json, read_outcomes

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
    values = {"question": f"{id}は？", "passages": len(ranks), "confidence": 0.5} | other
    return Outcome(
        id=id, category="c", wanted=(), ranks=tuple(ranks), cited=0.0, found=found,
        milliseconds=1.0, **values,
    )  # fmt: skip


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> str:
    path.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    return str(path)


# ── what is wanted ────────────────────────────────────────────────────────────────────────────


def test_the_fewest_passages_are_counted(tmp_path: Path) -> None:
    """Two lines of one paragraph stand in one passage; another note's stands in its own."""
    folder = write_notes(
        tmp_path / "n", {"a.txt": "一行目はりんご。\n二行目はみかん。\n", "b.txt": "ぶどうの話。\n"}
    )
    row = {"question": "果物は？", "quotes": ["りんご", "みかん", "ぶどう"]}
    (asked,) = locate([row], folder)
    assert asked.wanted == (Place("a.txt", 1, 1), Place("a.txt", 2, 2), Place("b.txt", 1, 1))
    assert asked.passages == 2


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
    assert summary["reciprocal_rank"] == (1 + 0) / 2
    assert summary["wrongly_refused"] == summary["refused"] == 1 / 2
    assert summary["auroc"] == (1 + 1 + 0 + 1) / 4
    assert summarize(outcomes[:2])["refused"] is None  # not 0: nothing was to be refused
    for measure, (low, high) in intervals(outcomes).items():
        assert low <= (summary[measure] or 0) <= high, measure


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
        replace(outcome("up", [2]), id=""),  # known by its words
        outcome("down", [None]),
        outcome("lost", [1], found=False),
        outcome("fresh", [1]),
    ]
    found = compare(old, new)
    assert [after.question for _, after in found.better] == [
        "refused nowは？",
        "upは？",
        "lostは？",
    ]
    assert [after.id for _, after in found.worse] == ["down", "lost"]
    assert [after.id for _, after in found.reworded] == ["other"]
    assert [each.id for each in found.only_old] == ["gone"]
    assert [each.id for each in found.only_new] == ["fresh"]
    rank = found.differences["reciprocal_rank"]
    assert rank.old == (1 / 4 + 1 + 1 / 2 + 1) / 4
    assert rank.new == (1 / 2 + 0 + 1 + 1) / 4
    assert rank.interval is not None
    assert rank.interval[0] <= rank.new - rank.old <= rank.interval[1]
    assert rank.direction == 0  # four questions say nothing for sure


def test_a_difference_that_all_questions_share_is_certain() -> None:
    old = [outcome(f"q{at}", [2]) for at in range(30)]
    new = [outcome(f"q{at}", [1]) for at in range(30)]
    gain = compare(old, new).differences["reciprocal_rank"]
    assert (gain.interval, gain.direction) == ((0.5, 0.5), 1)


# ── the command ───────────────────────────────────────────────────────────────────────────────


def test_two_runs_are_compared(
    tmp_path: Path, notes: Path, store_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A note that says more of one question comes in between, and one question is new."""
    at = ["--notes", str(notes), "--store", str(store_folder)]
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    questions = write_rows(tmp_path / "q.jsonl", QUESTIONS)
    assert main([questions, *at, "--json", str(before)]) == 0
    shown = capsys.readouterr().out
    assert "R@1     1.000 (1.000–1.000)" in shown
    assert "all answerable" in shown

    write_notes(notes, {"鍵.txt": "鍵は誰に返すかを、山田に聞く。\n"})
    more = [*QUESTIONS, {"id": "q4", "question": "会議の場所は？", "quotes": ["第二会議室"]}]
    questions = write_rows(tmp_path / "q.jsonl", more)
    assert main([questions, *at, "--json", str(after), "--compare", str(before)]) == 0
    shown = capsys.readouterr().out
    assert "悪くなった worse: 1\n  q1 鍵は誰に返す？ (1 位 → 2 位" in shown
    assert "今だけにある only now: 1\n  q4" in shown
    compared = json.loads(after.read_text(encoding="utf-8"))["compared"]
    assert compared["common"] == 3
    assert [row["id"] for row in compared["worse"]] == ["q1"]
    assert compared["differences"]["recall@1"]["old"] == 1
    assert compared["differences"]["recall@1"]["new"] == 1 / 2


def test_json_alone_on_standard_output_is_what_the_file_holds(
    tmp_path: Path, notes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    questions = write_rows(tmp_path / "q.jsonl", QUESTIONS)
    at = ["--notes", str(notes), "--store", str(tmp_path / "s")]
    assert main([questions, *at, "--json", "-"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content.keys() == {"summary", "intervals", "categories", "questions"}
    assert list(content["categories"]) == ["who", "what", "no"]
    low, high = content["intervals"]["recall@1"]
    assert low <= content["summary"]["recall@1"] <= high
    assert content["questions"][0]["wanted"] == [{"path": "仕事/引越し.txt", "first": 4, "last": 4}]
    written = tmp_path / "result.json"
    written.write_text(json.dumps(content), encoding="utf-8")
    read = read_outcomes(written)
    assert json.loads(json.dumps(as_json(read)))["summary"] == content["summary"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "[" * 100_000,
        '{"summary": {}}',
        '{"questions": [1]}',
        '{"questions": [{"id": "a"}]}',
    ],
)
def test_another_kind_of_file_is_not_compared_with(
    tmp_path: Path, notes: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    old = tmp_path / "old.json"
    old.write_text(content, encoding="utf-8")
    questions = write_rows(tmp_path / "q.jsonl", QUESTIONS)
    assert main([questions, "--notes", str(notes), "--compare", str(old)]) == 1
    assert "比べる結果のファイル" in capsys.readouterr().err


def test_what_was_written_by_hand_is_not_written_over(
    tmp_path: Path, notes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    questions = write_rows(tmp_path / "q.jsonl", QUESTIONS)
    for target in (notes / "料理.txt", notes / "新しい.json", Path(questions)):
        assert main([questions, "--notes", str(notes), "--json", str(target)]) == 1
        assert "書きません" in capsys.readouterr().err
    assert (notes / "料理.txt").read_text(encoding="utf-8").startswith("カレー")
