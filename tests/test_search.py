"""The two search structures against brute force by value, and the fusion by arithmetic."""

import math
from pathlib import Path

import numpy as np
import pytest

from index.storage.keywords import (
    BIGRAM_WEIGHT,
    CONTEXT_WEIGHT,
    OTHER_TERMS,
    SLIP_WEIGHT,
    KeywordIndex,
    KeywordRow,
    idf,
)
from index.storage.stamp import Commit
from index.storage.vectors import VectorIndex
from index.words.tokens import Word
from qa.retrieve import VECTOR_WEIGHT, fuse

K1, B = 1.2, 0.75  # tantivy's BM25

ROWS = [
    KeywordRow(1, ["server", "サバ", "落ちる"], ["障害"], ["サバ", "落ち"]),
    KeywordRow(2, ["server", "サバ", "server", "サバ", "買う", "予算"], [], ["サバ"]),
    KeywordRow(5, ["カレー"], ["server", "料理"], ["カレ"]),
]


def bm25(rows: list[KeywordRow], field: str, term: str) -> dict[int, float]:
    """Scores of one term by the book; tantivy keeps lengths exact while they are short."""
    lengths = {row.id: len(getattr(row, field)) for row in rows}
    average = sum(lengths.values()) / len(rows)
    holding = [row.id for row in rows if term in getattr(row, field)]
    scores = {}
    for row in rows:
        count = list(getattr(row, field)).count(term)
        if count:
            norm = K1 * (1 - B + B * lengths[row.id] / average)
            scores[row.id] = idf(len(holding), len(rows)) * (K1 + 1) * count / (count + norm)
    return scores


@pytest.fixture
def keywords(tmp_path: Path) -> KeywordIndex:
    index = KeywordIndex(tmp_path / "keywords")
    index.reset("store", "rules")
    index.apply(Commit("store", 1, "a"), [], ROWS)
    return index


def test_keyword_score_is_bm25(keywords: KeywordIndex) -> None:
    word = Word("サーバ", "名詞", ("サバ", "server"))  # Japanese first: no slips are looked for
    expected = {}
    for row in ROWS:
        parts = [bm25(ROWS, "words", term).get(row.id, 0) for term in word.terms]
        parts += [
            CONTEXT_WEIGHT * bm25(ROWS, "context", term).get(row.id, 0) for term in word.terms
        ]
        best = max(parts)
        pair = BIGRAM_WEIGHT * bm25(ROWS, "bigrams", "サバ").get(row.id, 0)
        expected[row.id] = best + OTHER_TERMS * (sum(parts) - best) + pair
    found = keywords.search([word], ["サバ"], 10)
    assert [row for row, _ in found] == sorted(expected, key=lambda row: -expected[row])
    assert dict(found) == pytest.approx(expected, rel=1e-4)


def test_no_word_is_required(keywords: KeywordIndex) -> None:
    words = [Word("カレー", "名詞", ("カレー",)), Word("宇宙", "名詞", ("宇宙",))]
    assert [row for row, _ in keywords.search(words, [], 10)] == [5]
    assert keywords.search([], [], 10) == []


def test_a_slip_weighs_what_the_word_weighs(keywords: KeywordIndex) -> None:
    found = dict(keywords.search([Word("serber", "code", ("serber",))], [], 10))
    assert found == pytest.approx(dict.fromkeys([1, 2], SLIP_WEIGHT * idf(0, 3)))


def test_applying_twice_changes_nothing(keywords: KeywordIndex) -> None:
    keywords.apply(
        Commit("store", 1, "a"), [], ROWS
    )  # rows taken out still weigh in tantivy's statistics for a while
    assert [row for row, _ in keywords.search([], ["サバ"], 10)] == [2, 1]
    keywords.apply(Commit("store", 2, "a"), [1], [])
    assert [row for row, _ in keywords.search([], ["サバ"], 10)] == [2]


@pytest.mark.parametrize("damage", ["truncate", "flip", "delete", "stamp"])
def test_a_damaged_keyword_index_is_not_used(keywords: KeywordIndex, damage: str) -> None:
    again = KeywordIndex(keywords.folder)
    assert again.load("store", "rules")
    assert not KeywordIndex(keywords.folder).load("another store", "rules")
    largest = max(keywords.folder.iterdir(), key=lambda path: path.stat().st_size)
    if damage == "stamp":
        keywords.folder.with_name("keywords.stamp").write_text("{")
    else:
        hurt(largest, damage)
    assert not KeywordIndex(keywords.folder).load("store", "rules")


def test_vector_search_is_exact(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(50, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = np.arange(100, 150)
    index = VectorIndex(tmp_path / "vectors.faiss")
    index.reset("store", "encoder", 8)
    index.apply(Commit("store", 1, "a"), np.array([], np.int64), ids, vectors)
    index.apply(
        Commit("store", 2, "b"), ids[:5], ids[5:7], vectors[5:7]
    )  # takes out five, puts two in again
    query = vectors[20]
    cosines = vectors[5:] @ query
    order = np.argsort(-cosines)
    found = index.search(query, 10)
    assert [row for row, _ in found] == [int(ids[5:][at]) for at in order[:10]]
    assert [c for _, c in found] == pytest.approx(
        [float(cosines[at]) for at in order[:10]], abs=1e-6
    )
    assert index.cosines(query, [120, 100]) == {120: pytest.approx(1.0, abs=1e-6)}
    assert index.usual_cosine(query) == pytest.approx((cosines.mean(), cosines.std()), abs=1e-6)
    index.save()
    again = VectorIndex(index.path)
    assert again.load("store", "encoder", 8)
    assert again.search(query, 10) == found
    assert not VectorIndex(index.path).load("store", "another encoder", 8)
    hurt(index.path, "flip")
    assert not VectorIndex(index.path).load("store", "encoder", 8)


def test_fusion_is_a_sum_with_ties_by_id() -> None:
    fused = fuse({7: 0.5, 3: 0.5, 1: 0.2}, {7: 2.0, 3: 2.0, 9: 1.0})
    assert fused == [
        (3, 0.5 + VECTOR_WEIGHT * 2.0),
        (7, 0.5 + VECTOR_WEIGHT * 2.0),
        (1, 0.2),
        (9, VECTOR_WEIGHT * 1.0),
    ]
    assert fuse({}, {}) == []


def test_idf() -> None:
    assert idf(1, 3) == math.log(1 + 2.5 / 1.5)
    assert idf(0, 0) == math.log(2)


def hurt(path: Path, damage: str) -> None:
    content = bytearray(path.read_bytes())
    if damage == "delete":
        path.unlink()
        return
    if damage == "truncate":
        content = content[: len(content) // 2]
    else:
        content[len(content) // 2] ^= 0x40
    path.write_bytes(content)
