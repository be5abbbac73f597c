"""Search against brute force, whatever happened to the notes before; fusion by arithmetic."""

import math
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from brute_force import BruteForceSearcher
from conftest import ROOT, BigramEncoder, write_notes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index import Filter, Searcher, Store, build, open_store
from index.storage import keywords
from index.storage.keywords import (
    SLIP_WEIGHT,
    KeywordIndex,
    Segment,
    Terms,
    from_blobs,
    idf,
    make_segments,
    merge_segments,
    to_blobs,
    to_merge,
)
from index.storage.store import FILE_NAME
from index.storage.vectors import VectorIndex
from index.storage.writing import tidy
from index.sync.build import prepare
from index.sync.update import update_notes
from index.words.tokens import Word
from qa import Answer
from qa.answer import answer
from qa.retrieve import VECTOR_WEIGHT, candidates, fuse
from qa.understanding.question import read_question
from qa.why import NO_REASON

QUESTIONS = (
    "サーバーを二台買う費用は？",
    "粗大ごみと鍵はどうする？",
    "レシピの材料は何？",
    "会議の決定事項とそのほかの番号",
    "Pythn の設定",
    "図書館アプリの hypervisor",
)


def hits(index: Searcher, question: str, within: Filter | None = None) -> list[tuple[Any, ...]]:
    """All that search finds, in order, before it is ranked; scores to the last digit."""
    found = candidates(read_question(question, index), index, 100, within)
    return [(hit.passage, hit.score, hit.keyword, hit.meaning) for hit in found]


# ── another engine ────────────────────────────────────────────────────────────────────────────


def test_a_brute_force_searcher_gives_the_same_hits_and_answers(tmp_path: Path) -> None:
    folder, encoder = ROOT / "tests" / "dialogue_notes", BigramEncoder()
    build(folder, tmp_path / "store", encoder=encoder)
    brute: Searcher = BruteForceSearcher(folder, encoder)
    with open_store(tmp_path / "store", encoder=encoder) as store, store.searcher() as index:
        for question in QUESTIONS:
            for within in (None, Filter.of(folder="会議")):
                ours, theirs = (hits(engine, question, within) for engine in (index, brute))
                assert [hit[0] for hit in ours] == [hit[0] for hit in theirs]
                assert ours[0][1:] == pytest.approx(theirs[0][1:], rel=1e-6)
            said: list[Answer] = [answer(question, engine) for engine in (index, brute)]
            cited = [[replace(c, why=NO_REASON) for c in of.citations] for of in said]
            assert cited[0] == cited[1]
            assert said[0].confidence == pytest.approx(said[1].confidence, rel=1e-6)


# ── nothing but the notes ─────────────────────────────────────────────────────────────────────

TEXTS = (
    "# 会議\n\n- サーバーを二台買う\n- 費用は40万円\n",
    "引越しの準備\n\n・粗大ごみは水曜に出す\n・鍵は管理人に返す\n",
    "サーバーの鍵は棚にある。\n\n鍵の番号は七。\n",
    "同じ行\n\n同じ行\n",
    "# 空っぽ\n",
)
CHANGE = st.one_of(
    st.tuples(st.sampled_from("abcdef"), st.integers(0, len(TEXTS) - 1)),
    st.tuples(st.sampled_from("abcdef"), st.none()),
    st.tuples(st.sampled_from(["rebuild", "tidy", "forget what is in memory", "stop"]), st.none()),
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.lists(CHANGE, max_size=3), min_size=1, max_size=12))
def test_search_depends_on_the_notes_alone(
    tmp_path_factory: pytest.TempPathFactory, history: list[list[tuple[str, int | None]]]
) -> None:
    """After any edits, deletions, rebuilds and stops, as after a first build: hits and scores."""
    place, encoder = tmp_path_factory.mktemp("any"), BigramEncoder()
    notes = write_notes(place / "notes", {"いつも.md": TEXTS[0]})
    store = Store(place / "store", encoder=encoder)
    build(notes, store.folder, encoder=encoder)
    for changes in history:
        whole = True
        for what, text in changes:
            if what == "tidy":
                tidy(store)
            elif what == "forget what is in memory":
                store.close()
            elif len(what) > 1:
                whole = what != "stop"
                build(notes, store.folder, encoder=encoder, rebuild=what == "rebuild")
            elif text is not None:
                (notes / f"{what}.md").write_text(TEXTS[text], encoding="utf-8")
            else:
                (notes / f"{what}.md").unlink(missing_ok=True)
        prepare(store, notes)
        update_notes(store, notes)  # as a follower does
        if whole:
            build(notes, store.folder, encoder=encoder)  # as a command does
        with store.searcher() as index:
            hits(index, QUESTIONS[0])  # so that what is in memory has a history, too
    build(notes, store.folder, encoder=encoder)
    build(notes, place / "fresh", encoder=encoder)
    other = open_store(place / "fresh", encoder=encoder)
    with store, other, store.searcher() as index, other.searcher() as fresh:
        assert [hits(index, q) for q in QUESTIONS] == [hits(fresh, q) for q in QUESTIONS]


def test_many_small_changes_leave_few_segments(tmp_path: Path) -> None:
    encoder = BigramEncoder()
    notes = write_notes(tmp_path / "notes", {f"{n}.md": f"第{n}回の会議\n" for n in range(30)})
    with Store(tmp_path / "store", encoder=encoder) as store:
        for n in range(60):
            (notes / f"{n % 30}.md").write_text(f"第{n}回の会議とサーバー\n", encoding="utf-8")
            prepare(store, notes)
            update_notes(store, notes)
        with sqlite3.connect(store.folder / FILE_NAME) as db:
            ((segments,),) = db.execute("SELECT count(*) FROM segments").fetchall()
        db.close()
        assert segments < 16
        with store.searcher() as index:
            assert index.frequency(Word("サーバー", "名詞", ("サバ", "server")))[0] == 30
        store.check()


def test_a_searcher_stays_with_its_generation(
    notes: Path, store: Store, encoder: BigramEncoder
) -> None:
    with store.searcher() as before:
        seen = hits(before, "カレーの作り方は？")
        (notes / "料理.txt").write_text("シチューの作り方。\n", encoding="utf-8")
        build(notes, store.folder, encoder=encoder)
        with store.searcher() as after:
            assert after.generation > before.generation
            assert hits(after, "シチューの作り方は？")[0][0].text == "シチューの作り方。"
        assert hits(before, "カレーの作り方は？") == seen


# ── the two structures ────────────────────────────────────────────────────────────────────────

ROWS = {
    1: Terms(["server", "サバ", "落ちる"], ["障害"], ["サバ", "落ち"]),
    2: Terms(["server", "サバ", "server", "サバ", "買う", "予算"], [], ["サバ"]),
    5: Terms(["カレー"], ["server", "料理"], ["カレ"]),
}


def indexed(*segments: Segment, gone: tuple[int, ...] = ()) -> KeywordIndex:
    return KeywordIndex({n: (part, ~np.isin(part.ids, gone)) for n, part in enumerate(segments)})


def found(index: KeywordIndex, words: list[Word], pairs: list[str]) -> dict[int, float]:
    ids, scores = index.search(words, pairs)
    return dict(zip(ids.tolist(), scores.tolist(), strict=True))


def test_segments_in_any_number_score_alike() -> None:
    (whole,) = make_segments(list(ROWS), list(ROWS.values()))
    parts = [next(make_segments([row_id], [row])) for row_id, row in ROWS.items()]
    words, pairs = [Word("サーバ", "名詞", ("サバ", "server"))], ["サバ"]
    expected = found(indexed(whole), words, pairs)
    assert set(expected) == {1, 2, 5}
    assert found(indexed(*parts), words, pairs) == expected
    merged = merge_segments(parts[::-1], [np.ones(1, bool)] * 3)
    assert found(indexed(merged), words, pairs) == expected
    assert to_blobs(merged) == to_blobs(whole) == to_blobs(from_blobs(to_blobs(whole)))
    (two,) = make_segments([2, 5], [ROWS[2], ROWS[5]])
    assert found(indexed(whole, gone=(1,)), words, pairs) == found(indexed(two), words, pairs)
    assert to_blobs(merge_segments([whole], [np.array([False, True, True])])) == to_blobs(two)


def test_no_word_is_required() -> None:
    index = indexed(*make_segments(list(ROWS), list(ROWS.values())))
    words = [Word("カレー", "名詞", ("カレー",)), Word("宇宙", "名詞", ("宇宙",))]
    assert list(found(index, words, [])) == [5]
    assert found(index, [], []) == {} == found(indexed(), words, ["カレ"])


def test_a_slip_weighs_what_the_word_weighs() -> None:
    index = indexed(*make_segments(list(ROWS), list(ROWS.values())))
    slipped = found(index, [Word("serber", "code", ("serber",))], [])
    assert slipped == pytest.approx(dict.fromkeys([1, 2], SLIP_WEIGHT * idf(0, 3)))


def test_full_tiers_are_merged(monkeypatch: pytest.MonkeyPatch) -> None:
    assert to_merge({n: 5 for n in range(7)}) == []
    assert to_merge({n: 5 for n in range(9)}) == list(range(8))
    assert to_merge({n: keywords.LARGEST for n in range(20)}) == []  # as large as they may be


def test_vector_search_is_exact() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(50, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = list(range(100, 150))
    none = np.array([], np.int64)
    index = VectorIndex("encoder", 8).changed(none, [(ids[:30], vectors[:30])])
    index = index.changed(none, [(ids[30:45], vectors[30:45]), (ids[45:], vectors[45:])])
    index = index.changed(np.array(ids[:7]), [(ids[5:7], vectors[5:7])])  # five out, two anew
    query = vectors[20]
    cosines = vectors[5:].astype(np.float64) @ query
    best = sorted(index.search(query, 10).items(), key=lambda item: -item[1])[:10]
    order = np.argsort(-cosines)[:10]
    assert [row for row, _ in best] == [ids[5:][at] for at in order]
    assert [cosine for _, cosine in best] == pytest.approx(cosines[order].tolist(), abs=1e-12)
    within = index.search(query, 3, np.array([101, 110, 130, 149]))
    assert set(within) == {110, 130, 149}
    assert index.cosines(query, [120, 100]) == {120: pytest.approx(1.0, abs=1e-6)}
    assert len(index) == 45
    assert (index.vectors()[0] == ids[5:]).all()
    assert (index.vectors()[1] == vectors[5:]).all()


def test_all_that_are_as_near_as_the_last_are_found() -> None:
    vectors = np.tile(np.eye(1, 8, dtype=np.float32), (500, 1))
    index = VectorIndex("encoder", 8).changed(np.array([], np.int64), [(list(range(500)), vectors)])
    assert len(index.search(vectors[0], 5)) == 500


def test_fusion_is_a_sum() -> None:
    assert fuse({7: 0.5, 1: 0.2}, {7: 2.0, 9: 1.0}) == {
        7: 0.5 + VECTOR_WEIGHT * 2.0,
        1: 0.2,
        9: VECTOR_WEIGHT * 1.0,
    }
    assert fuse({}, {}) == {}


def test_idf() -> None:
    assert idf(1, 3) == math.log(1 + 2.5 / 1.5)
    assert idf(0, 0) == math.log(2)
