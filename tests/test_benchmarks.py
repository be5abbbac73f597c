"""The measuring commands on a tiny article: what they write, fit and print."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from conftest import BigramEncoder, write_notes

from benchmarks import ablation, fit, jaquad, reliability
from benchmarks import map as map_
from index import build
from index.notes import read_notes
from index.splitting import split
from qa.fitted import FILE
from qa.questions import locate, read_questions

CONTEXTS = [
    "東京の倉庫は2004年に建った。棚は三十段ある。\n管理人は鈴木である。",
    "大阪の倉庫は1998年に建った。棚は十段ある。管理人は佐藤である。",
    "名古屋の工場は1987年に閉じた。跡地は公園になった。",
]
ASKED = [
    (0, "東京の倉庫が建ったのはいつ？", "2004年"),
    (0, "東京の倉庫の管理人は誰？", "鈴木"),
    (1, "大阪の倉庫の棚は何段？", "十段"),
    (2, "名古屋の工場の跡地は何になった？", "公園"),
]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """One file in JaQuAD's form, with two articles of the same contexts and questions."""
    articles = [
        {
            "title": title,
            "paragraphs": [
                {
                    "context": context,
                    "qas": [
                        {
                            "id": f"{title}{number}",
                            "question_type": "Syntactic variation",
                            "question": question,
                            "answers": [{"text": answer, "answer_start": context.index(answer)}],
                        }
                        for number, (of, question, answer) in enumerate(ASKED)
                        if of == at
                    ],
                }
                for at, context in enumerate(CONTEXTS)
            ],
        }
        for title in ("建物/倉庫",)
    ]
    (tmp_path / "source").mkdir()
    text = json.dumps({"data": articles}, ensure_ascii=False)
    (tmp_path / "source" / "part.json").write_text(text, encoding="utf-8")
    return tmp_path / "source"


@pytest.mark.parametrize("bullets", [False, True])
def test_a_converted_article_keeps_its_answers_in_their_lines(
    source: Path, tmp_path: Path, bullets: bool
) -> None:
    out = tmp_path / "out"
    assert jaquad.convert(sorted(source.glob("*.json")), out, bullets=bullets) == (1, 4)
    [note], _ = read_notes(out / "notes")
    assert note.path == "建物_倉庫.txt"
    for row in read_questions(out / "questions.jsonl"):
        line = note.lines[row["lines"][0] - 1]
        assert row["quotes"][0] in line
        assert line.startswith("・") is bullets
        assert row["paragraph"][0] <= row["lines"][0] <= row["paragraph"][1]
    assert len(locate(read_questions(out / "questions.jsonl"), out / "notes")) == 4
    passages = split(note)
    assert len(passages) == (9 if bullets else 3)  # 8 sentences below their title


def test_weights_are_fitted_and_judged(
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    encoder = BigramEncoder()
    for module in ("index.sync.build", "index.storage.store", "benchmarks.ablation"):
        monkeypatch.setattr(sys.modules[module], "load_encoder", lambda: encoder)
    folder = str(tmp_path / "out")
    jaquad.main([str(source), folder, "--bullets"])
    fitted = tmp_path / "fitted.json"
    shutil.copy(FILE, fitted)
    for what in ("ranking", "confidence"):
        assert fit.main([what, folder, "--out", str(fitted)]) == 0
    before, after = (json.loads(file.read_text(encoding="utf-8")) for file in (FILE, fitted))
    assert after["reader"] == before["reader"]
    for part in ("ranking", "confidence"):
        assert after[part] != before[part]
        assert after[part]["made_by"] == before[part]["made_by"]
    assert after["ranking"]["weights"].keys() == before["ranking"]["weights"].keys()
    assert all(
        {**model, "intercept": 0, "weights": 0} == {**old, "intercept": 0, "weights": 0}
        and model["weights"].keys() == old["weights"].keys()
        for model, old in zip(
            after["confidence"]["models"], before["confidence"]["models"], strict=True
        )
    )
    capsys.readouterr()
    diagram = tmp_path / "diagram.svg"
    assert fit.main(["report", folder, "--diagram", str(diagram)]) == 0
    printed = capsys.readouterr().out
    assert "4 questions" in printed
    assert "its paragraph: R@1 1.000, R@10 1.000" in printed
    assert diagram.read_text(encoding="utf-8").startswith("<svg ")

    assert ablation.main([folder]) == 0
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    measured = {row[0].strip("| "): float(row[1]) for row in rows}
    assert measured["the same, ranked: what is used"] >= measured["vectors only"] > 0
    assert len(measured) == 13 + 6


def test_a_probability_that_keeps_its_word_has_no_error() -> None:
    stated = [0.25] * 4 + [0.75] * 4
    right = [True, False, False, False, True, True, True, False]
    assert reliability.calibration_error(stated, right) == 0
    assert reliability.calibration_error([0.9] * 2, [False, False]) == pytest.approx(0.9)
    assert reliability.calibration_error([], []) == 0
    assert [count for count, _, _ in reliability.bins([0.0, 0.05, 1.0], [True] * 3)] == [
        2, 0, 0, 0, 0, 0, 0, 0, 0, 1
    ]  # fmt: skip


def test_a_plane_is_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    notes = {f"{n}.txt": "".join(f"・倉庫{n}の棚{m}段\n" for m in range(20)) for n in range(3)}
    build(write_notes(tmp_path / "notes", notes), tmp_path / "store", encoder=BigramEncoder())
    assert map_.main([str(tmp_path / "store"), "--fast"]) == 0
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split(" | ")[1] for row in rows][:2] == ["in truth", "PCA"]
    trust = float(rows[-1].split(" | ")[3])
    assert rows[-1].split(" | ")[1] == "ui.map.projection" and 0.5 < trust <= 1
