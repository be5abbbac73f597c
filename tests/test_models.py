"""Another model takes over: words answer until its vectors are made."""

import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import BigramEncoder, answered, find, write_notes
from test_build import dump
from test_crash import searches
from test_map import wait_for

import index.models.encoder
from index import build, open_store
from index.messages import said, same
from index.status import status_lines
from index.storage.store import FILE_NAME, Store
from index.sync.build import BuildReport
from ui.map.mapper import Mapper

OWNERS, THINGS = (
    "猫犬馬牛鶏猿蛇兎虎羊",
    ("帽子", "時計", "茶碗", "手紙", "窓", "傘", "椅子", "靴", "本", "鍵"),
)
MANY = len(OWNERS) * len(THINGS)  # passages: four batches
BATCH = 32
QUESTION = "犬の時計は？"


@pytest.fixture
def many(tmp_path: Path) -> Path:
    return write_notes(
        tmp_path / "many",
        {f"{a}{b}.txt": f"{a}の{b}は棚の上に置いた。\n" for a in OWNERS for b in THINGS},
    )


@pytest.fixture(autouse=True)
def nothing_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """No model was loaded or missed before."""
    for tried in ("_loaded", "_failed"):
        monkeypatch.setattr(index.models.encoder, tried, {})


@pytest.fixture
def former() -> BigramEncoder:
    return BigramEncoder("former")


@pytest.fixture
def newest() -> BigramEncoder:
    return BigramEncoder("newest", dim=64)


def begin(notes: Path, store: Path, encoder: BigramEncoder) -> BuildReport:
    """Encode one batch and stop."""
    report = build(notes, store, encoder=encoder, encode_seconds=0)
    assert report.encoded == BATCH
    return report


def asked(store: Store) -> np.ndarray | None:
    with store.searcher() as index:
        return index.question_vector(QUESTION)


def vectors_kept(store: Path) -> int:
    with sqlite3.connect(store / FILE_NAME) as db:
        (count,) = db.execute("SELECT count(*) FROM vectors").fetchone()
    db.close()
    return int(count)


def is_settled(store: Path, notes: Path, encoder: BigramEncoder) -> None:
    """What is there is what a fresh build makes, and nothing of another model."""
    fresh = store.with_name("fresh")
    shutil.rmtree(fresh, ignore_errors=True)
    build(notes, fresh, encoder=encoder)
    assert dump(store) == dump(fresh)
    assert searches(store, encoder, (QUESTION,)) == searches(fresh, encoder, (QUESTION,))
    with open_store(store) as opened:
        opened.check()


def test_words_answer_until_the_newest_vectors_are_made(
    many: Path, store_folder: Path, former: BigramEncoder, newest: BigramEncoder
) -> None:
    build(many, store_folder, encoder=former)
    with (
        open_store(store_folder, encoder=former) as before,
        open_store(store_folder, encoder=newest) as after,
    ):
        assert asked(before) is not None
        assert asked(after) is None  # nobody has begun: these are another's
        assert find(QUESTION, after)[0].passage.path == "犬時計.txt"
        assert "言葉だけで探しました" in answered(QUESTION, after).notice

        report = begin(many, store_folder, newest)
        assert any("former → newest" in remark.ja for remark in report.remarks)
        assert vectors_kept(store_folder) == BATCH
        assert dict(status_lines(after))[said("status_model")] == same("newest")
        assert f"準備中 {BATCH}/{MANY}" in answered(QUESTION, after).notice
        assert asked(before) is None
        assert find(QUESTION, before)[0].passage.path == "犬時計.txt"

        assert build(many, store_folder, encoder=newest).encoded == MANY - BATCH
        assert find(QUESTION, after)[0].meaning is not None
        assert answered(QUESTION, after).notice == ""
    is_settled(store_folder, many, newest)


def test_a_change_that_is_killed_goes_on(
    many: Path, store_folder: Path, former: BigramEncoder, newest: BigramEncoder
) -> None:
    moments = []

    class Copied(BigramEncoder):
        """Keeps what kill -9 would leave before each batch."""

        def encode_passages(self, texts: Sequence[str]) -> np.ndarray:
            moments.append(store_folder.with_name(f"killed{len(moments)}"))
            shutil.copytree(store_folder, moments[-1])
            return super().encode_passages(texts)

    build(many, store_folder, encoder=former)
    build(many, store_folder, encoder=Copied(newest.name, newest.dim))
    assert len(moments) == -(-MANY // BATCH)
    for done, killed in enumerate(moments):
        with open_store(killed, encoder=newest) as store:
            assert find(QUESTION, store)[0].passage.path == "犬時計.txt"
        assert build(many, killed, encoder=newest).encoded == MANY - done * BATCH
        is_settled(killed, many, newest)


def test_another_model_and_back_while_notes_change(
    many: Path, store_folder: Path, former: BigramEncoder, newest: BigramEncoder
) -> None:
    build(many, store_folder, encoder=former)
    begin(many, store_folder, newest)
    write_notes(many, {"犬時計.txt": "玉ねぎを炒める。\n"})
    (many / "犬手紙.txt").unlink()
    begin(many, store_folder, BigramEncoder("second", dim=32))
    assert vectors_kept(store_folder) == BATCH
    build(many, store_folder, encoder=former)
    is_settled(store_folder, many, former)


def test_the_map_compares_no_question_with_another_models_vectors(
    many: Path, store_folder: Path, former: BigramEncoder
) -> None:
    same_length = BigramEncoder("newest")
    mapper = Mapper(lambda: None)
    build(many, store_folder, encoder=former)
    with (
        open_store(store_folder, encoder=former) as before,
        open_store(store_folder, encoder=same_length) as after,
    ):
        begun = wait_for(mapper, before).plane
        build(many, store_folder, encoder=same_length)
        vector = asked(after)
        assert begun is not None and vector is not None
        assert mapper.place(vector, same_length.fingerprint) is None
        drawn = wait_for(mapper, after).plane
        assert drawn is not None and drawn.encoder == same_length.fingerprint
        assert mapper.place(vector, same_length.fingerprint) is not None
    mapper.close()
