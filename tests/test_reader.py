"""The reader: windows, what it finds in notes, and what becomes of an answer by it."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import EXAMPLE, BigramEncoder, write_notes
from rich.console import Console

from index import build, open_store
from index.errors import ModelUnavailable
from index.models.onnx_model import MANIFEST, open_tokenizer
from index.passages import Passage
from index.settings import DEFAULT_MODEL, DEFAULT_READER, ROOT
from index.storage.store import Store
from qa import Answer, ask
from qa.answer import NO_ANSWER, NOTHING_CLOSE
from qa.hit import Finding, Hit
from qa.rank import weigh
from qa.reader import MAX_SPAN, SMALLEST, Cutter, Reader, best_span, load_reader
from qa.show import as_json, print_answer
from ui.render import Turn, answer_html

LONG = "".join(f"第{n}章では{n}種類の蛇口の直し方を順に述べる。" for n in range(60))
NOTES = {
    "こたつ.md": "# こたつ\n\n- 三毛猫のミケが中で寝ている\n- 冬の電気代は月に八千円かかった\n"
    "- 買ったのは二〇一九年の十一月\n",
    "会議.md": "# 定例会議\n\n司会は田中さんが務める。会場は第二会議室で、"
    "毎週月曜の十時に始まる。\n\n## 持ち物\n\n"
    "- 用意するもの\n  - 名札\n  - 筆記用具\n  - 先週の議事録\n",
    "引越し.txt": "引越しを延期した。新居の水道工事が終わらず、鍵も受け取れないからである。\n",
}


@pytest.fixture(scope="module")
def cutter() -> Cutter:
    return Cutter(open_tokenizer(DEFAULT_MODEL))


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(DEFAULT_READER)


@pytest.fixture
def read_store(tmp_path: Path):
    build(write_notes(tmp_path / "n", NOTES), tmp_path / "s")
    with open_store(tmp_path / "s") as store:
        yield store


def passage(text: str, path: str = "メモ.txt") -> Passage:
    return Passage(path, 1, 1 + text.count("\n"), (), text, 0, None)


@pytest.mark.parametrize("limit", [SMALLEST, 96, 144])
def test_windows_hold_the_whole_text_and_end_with_sentences(cutter: Cutter, limit: int) -> None:
    asked = cutter.question("蛇口の直し方は何種類ですか。")
    windows = cutter.cut(asked, "水道 › 蛇口", LONG, limit)
    covered: set[int] = set()
    for window in windows:
        assert len(window.ids) <= limit
        assert window.ids[1 : 1 + len(asked)] == asked
        start, end = window.spans[0][0], window.spans[-1][1]
        covered.update(range(start, end))
        assert LONG[start:].lstrip().startswith("第") or limit == SMALLEST
        assert len(window.ids) - 1 - window.first == len(window.spans)
    assert {at for at, letter in enumerate(LONG) if letter.strip()} <= covered
    whole = cutter.cut(asked, "水道", "蛇口は二つ。", 144)
    assert len(whole) == 1
    assert cutter.cut(asked, "水道", "", 144) == []


def test_a_window_must_have_room(cutter: Cutter) -> None:
    longest = cutter.question("蛇口" * 200)
    assert all(len(w.ids) <= SMALLEST for w in cutter.cut(longest, "題" * 99, LONG, SMALLEST))
    with pytest.raises(ValueError, match=str(SMALLEST)):
        cutter.cut(longest, "", LONG, SMALLEST - 1)


def test_the_best_span_is_that_of_trying_all() -> None:
    random = np.random.default_rng(0)
    for length in (1, 2, 31, 32, 33, 90):
        scores = random.normal(size=(length, 2)).astype(np.float32)
        spans = [(a, b) for a in range(length) for b in range(a, min(a + MAX_SPAN, length))]
        best = max(spans, key=lambda span: scores[span[0], 0] + scores[span[1], 1])
        assert best_span(scores) == best


def test_scores_of_both_and_unread_hits_below() -> None:
    def hit(text: str, score: float, answers: float | None) -> Hit:
        found = None if answers is None else Finding(answers, 0, 1, 0.9)
        return Hit(passage(text), score, 0.0, None, finding=found)

    hits = [hit("a", 5.0, -9.0), hit("b", 4.0, 9.0), hit("c", 3.0, None), hit("d", 2.0, None)]
    ordered = weigh(hits)
    assert [found.passage.text for found in ordered] == ["b", "a", "c", "d"]
    scores = [found.score for found in ordered]
    assert scores == sorted(scores, reverse=True)
    assert weigh(hits[2:]) == hits[2:]


@pytest.mark.model
@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("冬の電気代はいくらでしたか。", "八千円"),
        ("会議の司会は誰が務めますか。", "田中"),
        ("こたつを買ったのは何年ですか。", "二〇一九年"),
        ("定例会議の会場はどこですか。", "第二会議室"),
    ],
)
def test_points_at_the_words_that_answer(reader: Reader, question: str, answer: str) -> None:
    passages = [passage(text, path) for path, text in NOTES.items()]
    findings = reader.read(question, passages)
    best = max(range(len(passages)), key=lambda n: findings[n].answers)
    found = findings[best]
    assert answer in passages[best].text[found.start : found.end]
    assert found.end - found.start <= len(answer) + 4
    assert 0 < found.sure <= 1


@pytest.mark.model
def test_finds_hardly_depend_on_what_is_read_beside(reader: Reader) -> None:
    passages = [passage(text) for text in (*NOTES.values(), LONG)]
    together = reader.read("会議の司会は誰？", passages)
    for one, of_all in zip(passages, together, strict=True):
        (alone,) = reader.read("会議の司会は誰？", [one])
        assert abs(alone.answers - of_all.answers) < 1.5
    assert reader.read("会議の司会は誰？", [passage("")]) == [None]
    assert reader.read("", passages[:1])[0] is not None


@pytest.mark.model
def test_the_span_is_an_exact_piece_of_its_quote(read_store: Store) -> None:
    answer = ask("冬の電気代はいくらでしたか？", read_store)
    said = json.loads(json.dumps(as_json(answer, answer.question)))
    span = said["answer_span"]
    quote = said["citations"][span["n"] - 1]["quote"]
    assert span["text"] == quote[span["start"] : span["end"]]
    assert "八千円" in span["text"] and len(span["text"]) <= 6
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, color_system="standard", width=200)
    print_answer(answer, answer.question, console)
    assert f"\x1b[1;32m{span['text']}\x1b[0m" in written.getvalue()
    assert f"<b>{span['text']}</b>" in answer_html(Turn(answer.question, answer), 1)


@pytest.mark.model
@pytest.mark.parametrize(
    ("question", "whole"),
    [
        ("なぜ引越しを延期したのですか？", "新居の水道工事が終わらず、鍵も受け取れないから"),
        ("会議に用意するものは？", "名札\n  - 筆記用具\n  - 先週の議事録"),
    ],
)
def test_reasons_and_lists_are_whole_lines(read_store: Store, question: str, whole: str) -> None:
    answer = ask(question, read_store)
    assert whole in answer.citations[0].quote
    assert answer.span is None


@pytest.mark.model
def test_a_refusal_says_why(read_store: Store) -> None:
    far, near = ask("富士山の標高は？", read_store), ask("会議の会場の電話番号は？", read_store)
    assert (far.found, far.refusal) == (False, NOTHING_CLOSE)
    assert (near.found, near.refusal) == (False, NO_ANSWER)
    assert far.nearest
    assert near.nearest
    assert as_json(near, "")["refusal"] == NO_ANSWER
    assert as_json(far, "")["answer_span"] is None
    for answer, words in (
        (far, "近い内容の箇所も見つかりません"),
        (near, "答えは書かれていない"),
    ):
        written = io.StringIO()
        print_answer(answer, answer.question, Console(file=written, width=200))
        assert words in written.getvalue()
        assert words in answer_html(Turn(answer.question, answer), 1)


@pytest.mark.model
def test_switched_off_nothing_is_read(seeds_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    read = ask(EXAMPLE, seeds_store)
    assert any(hit.finding for hit in read.hits)
    monkeypatch.setenv("KIKIGAKI_READER", "off")
    plain = ask(EXAMPLE, seeds_store)
    assert load_reader() is None
    assert not any(hit.finding for hit in plain.hits)
    assert (plain.found, plain.span, plain.notice) == (True, None, "")


def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEFAULT_READER, tmp_path / "reader"))


def test_damaged_files_are_named(tmp_path: Path) -> None:
    for name in json.loads((DEFAULT_READER / MANIFEST).read_bytes())["files"]:
        folder = copied(tmp_path)
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)
        with pytest.raises(ModelUnavailable, match=name):
            Reader(folder)
        shutil.rmtree(folder)
    with pytest.raises(ModelUnavailable, match="読解モデル"):
        Reader(tmp_path / "gone")


def test_another_encoder_is_refused(tmp_path: Path) -> None:
    other = Path(shutil.copytree(DEFAULT_MODEL, tmp_path / "encoder"))
    with (other / "tokenizer.json").open("a") as stream:
        stream.write(" ")
    with pytest.raises(ModelUnavailable, match="not the one"):
        Reader(DEFAULT_READER, other)


def test_without_a_reader_search_answers_and_it_is_said(
    tmp_path: Path, encoder: BigramEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KIKIGAKI_READER", raising=False)
    monkeypatch.setattr("qa.reader.DEFAULT_READER", tmp_path / "gone")
    build(write_notes(tmp_path / "n", NOTES), tmp_path / "s", encoder=encoder)
    with open_store(tmp_path / "s", encoder=encoder) as store:
        answer = ask("会議の司会は誰が務める？", store)
    assert isinstance(answer, Answer)
    assert "田中" in answer.text
    assert "読解モデル" in answer.notice


def test_the_models_are_small() -> None:
    files = [path for path in DEFAULT_READER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 40e6
    manifest = json.loads((DEFAULT_READER / MANIFEST).read_bytes())
    assert {path.name for path in files} == {*manifest["files"], MANIFEST, "README.md"}
    assert DEFAULT_READER.parent == ROOT / "models"
