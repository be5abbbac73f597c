"""Another model takes over: the former one's vectors answer until the newest are as many."""

import json
import shutil
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import BigramEncoder, until, write_notes
from test_build import dump, top
from test_crash import searches
from test_desk import wait_until_idle
from test_encoder import make_model
from test_map import wait_for

import index.encoder
from index import build, open_store
from index.build import BuildReport
from index.encoder import load_encoder
from index.prompts import prompts_of
from index.sentence_encoder import SentenceTransformerEncoder, open_model
from index.status import status_lines
from index.store import FILE_NAME, Store
from index.writer import StoreWriter
from qa import ask, retrieve
from qa.desk import Desk
from qa.map import Mapper
from ui.notes_panel import status_html

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
    for tried in ("_lost", "_loaded", "_failed"):
        monkeypatch.setattr(index.encoder, tried, {})


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


def read(store: Path, encoder: BigramEncoder) -> Store:
    """Open a store as it is, for one that looks at no folder."""
    opened = open_store(store, encoder=encoder)
    opened.followed = True
    return opened


def vectors_kept(store: Path) -> int:
    with sqlite3.connect(store / FILE_NAME) as db:
        (count,) = db.execute("SELECT count(*) FROM vectors").fetchone()
    db.close()
    return int(count)


def is_settled(store: Path, notes: Path, encoder: BigramEncoder) -> None:
    """Nothing is left of any other model, and what is there is what a fresh build makes."""
    fresh = store.with_name("fresh")
    shutil.rmtree(fresh, ignore_errors=True)
    build(notes, fresh, encoder=encoder)
    assert dump(store) == dump(fresh)
    assert searches(store, encoder, (QUESTION,)) == searches(fresh, encoder, (QUESTION,))
    with sqlite3.connect(store / FILE_NAME) as db:
        names = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
        facts = {key for (key,) in db.execute("SELECT key FROM meta")}
    db.close()
    assert not [name for name in names | facts if "former" in name]
    with StoreWriter(store) as writer:
        writer.check()
        assert set(writer.copies_differ().values()) == {0}


def test_the_former_vectors_answer_until_the_newest_are_as_many(
    many: Path, store_folder: Path, former: BigramEncoder, newest: BigramEncoder
) -> None:
    build(many, store_folder, encoder=former)
    with read(store_folder, former) as reader, read(store_folder, newest) as other:
        before = searches(store_folder, former, (QUESTION,))
        report = begin(many, store_folder, newest)
        assert any("それまでは前のベクトルで" in remark for remark in report.remarks)
        assert searches(store_folder, former, (QUESTION,)) == before
        assert retrieve(QUESTION, reader)[0].meaning is not None
        assert f"{BATCH}/{MANY}。それまでは前のモデル" in ask(QUESTION, reader).notice
        shown = dict(status_lines(reader))["モデル (model)"]
        assert shown.startswith("newest: ") and "それまでは former" in shown
        asked = other.question_vector(QUESTION)  # it has not got the former one
        assert asked is not None and len(other.search_vectors(asked, MANY)) == BATCH
        assert f"準備中 {BATCH}/{MANY}" in ask(QUESTION, other).notice
        assert set(reader.copies_differ().values()) == {0}
        asked = reader.question_vector(QUESTION)
        assert asked is not None

        assert build(many, store_folder, encoder=newest).encoded == MANY - BATCH
        assert retrieve(QUESTION, other)[0].meaning is not None
        assert ask(QUESTION, other).notice == ""
        assert dict(status_lines(other))["モデル (model)"] == "newest"
        assert reader.search_vectors(asked, 5) == []  # of other dimensions than are here now
        assert reader.cosines(asked, [1]) == {}
        assert retrieve(QUESTION, reader)[0].meaning is None
        assert top(QUESTION, reader) == "犬時計.txt"
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
    found = searches(store_folder, former, (QUESTION,))
    build(many, store_folder, encoder=Copied(newest.name, newest.dim))
    assert len(moments) == -(-MANY // BATCH)
    for done, killed in enumerate(moments):
        assert searches(killed, former, (QUESTION,)) == found
        assert build(many, killed, encoder=newest).encoded == MANY - done * BATCH
        is_settled(killed, many, newest)


def test_few_former_vectors_do_not_keep_the_newest_waiting(
    many: Path, store_folder: Path, former: BigramEncoder, newest: BigramEncoder
) -> None:
    begin(many, store_folder, former)
    begin(many, store_folder, newest)
    begin(many, store_folder, newest)
    assert vectors_kept(store_folder) == 2 * BATCH
    with read(store_folder, newest) as store:
        assert store.former_name == ""
        assert len(store.vectors()[1]) == 2 * BATCH


def test_a_third_model_replaces_the_second(
    many: Path, store_folder: Path, former: BigramEncoder, newest: BigramEncoder
) -> None:
    build(many, store_folder, encoder=former)
    begin(many, store_folder, BigramEncoder("second", dim=32))
    report = begin(many, store_folder, newest)
    assert any("second → newest" in remark for remark in report.remarks)
    assert vectors_kept(store_folder) == MANY + BATCH
    with read(store_folder, former) as store:
        assert retrieve(QUESTION, store)[0].meaning is not None
    build(many, store_folder, encoder=newest)
    is_settled(store_folder, many, newest)


def test_back_to_the_former_model_only_what_changed_is_encoded(
    many: Path, store_folder: Path, former: BigramEncoder, newest: BigramEncoder
) -> None:
    build(many, store_folder, encoder=former)
    begin(many, store_folder, newest)
    write_notes(many, {"犬時計.txt": "玉ねぎを炒める。\n"})
    begin(many, store_folder, newest)
    with read(store_folder, former) as reader:
        assert retrieve("犬の茶碗は？", reader)[0].meaning is not None
        former.encoded.clear()
        build(many, store_folder, encoder=former)
        assert len(former.encoded) == 1
        assert retrieve("玉ねぎ", reader)[0].meaning is not None
    is_settled(store_folder, many, former)


def test_notes_that_change_meanwhile(
    many: Path, store_folder: Path, former: BigramEncoder, newest: BigramEncoder
) -> None:
    build(many, store_folder, encoder=former)
    begin(many, store_folder, newest)
    former.encoded.clear()
    write_notes(many, {"犬時計.txt": "玉ねぎを炒める。\n"})
    (many / "箱").mkdir()
    (many / "犬茶碗.txt").rename(many / "箱" / "犬茶碗.txt")
    (many / "犬手紙.txt").unlink()
    begin(many, store_folder, newest)
    with read(store_folder, former) as store:
        assert top("玉ねぎ", store) == "犬時計.txt"  # by its words, at once
        moved = retrieve("犬の茶碗は？", store)[0]
        assert moved.passage.path == "箱/犬茶碗.txt" and moved.meaning is not None
        paths = {passage.path for passage in store.passages(store.vectors()[1].tolist()).values()}
        assert not paths & {"犬時計.txt", "犬茶碗.txt", "犬手紙.txt"}
    assert not former.encoded
    build(many, store_folder, encoder=newest)
    is_settled(store_folder, many, newest)


def test_a_change_ends_when_what_was_to_be_encoded_is_gone(
    many: Path, store_folder: Path, former: BigramEncoder, newest: BigramEncoder
) -> None:
    build(many, store_folder, encoder=former)
    begin(many, store_folder, newest)
    with StoreWriter(store_folder) as writer:
        left = {text for _, text in writer.without_vector(MANY)}
    for path in many.iterdir():
        if path.read_text(encoding="utf-8").strip() in "\n".join(left):
            path.unlink()
    assert build(many, store_folder, encoder=newest).encoded == 0
    is_settled(store_folder, many, newest)


def test_the_map_compares_no_question_with_another_models_vectors(
    many: Path, store_folder: Path, former: BigramEncoder
) -> None:
    same_length = BigramEncoder("newest")
    mapper = Mapper(lambda: None)
    build(many, store_folder, encoder=former)
    with read(store_folder, former) as before, read(store_folder, same_length) as after:
        begun = wait_for(mapper, before).plane
        build(many, store_folder, encoder=same_length)
        asked = after.question_vector(QUESTION)
        assert begun is not None and asked is not None
        assert mapper.place(asked) is None
        drawn = wait_for(mapper, after).plane
        assert drawn is not None and drawn.encoder == same_length.fingerprint
        assert mapper.place(asked) is not None
    mapper.close()


# ── models of sentence-transformers ───────────────────────────────────────────────────────────


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The user's cache, empty."""
    monkeypatch.setattr(index.encoder, "cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "cache"


def unpacked(cache: Path) -> tuple[Path, SentenceTransformerEncoder]:
    """A folder such as the default model was unpacked to."""
    name, fingerprint = "multilingual-e5-small-1571fc982750-1", "1571fc982750-1"
    (cache / "models").mkdir(parents=True)
    folder = make_model(cache / "models" / name, 2, {"query": "query: "})
    (folder / "kikigaki.json").write_text(json.dumps({"source": "1571fc982750f", "unpacker": 1}))
    model = open_model(str(folder))
    return folder, SentenceTransformerEncoder(model, name, fingerprint, prompts_of(model, name))


@pytest.mark.parametrize("was_default", [True, False])
def test_a_former_model_is_opened_again_unless_it_is_another_now(
    many: Path,
    store_folder: Path,
    tmp_path: Path,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    was_default: bool,
) -> None:
    if was_default:
        folder, first = unpacked(cache)
    else:
        folder = make_model(tmp_path / "first", 0, {"query": "query: "})
        monkeypatch.setenv("KIKIGAKI_MODEL", str(folder))
        first = load_encoder()  # type: ignore[assignment]
    build(many, store_folder, encoder=first)
    with read(store_folder, first) as store:  # type: ignore[arg-type]
        asked = store.question_vector("猫")
    assert asked is not None

    second = make_model(tmp_path / "second", 1, {"query": "query: "})
    monkeypatch.setenv("KIKIGAKI_MODEL", str(second))
    with open_store(store_folder) as store:  # nobody has begun yet
        store.followed = True
        assert retrieve(QUESTION, store)[0].meaning is not None
        assert ask(QUESTION, store).notice == ""
    report = build(many, store_folder, encode_seconds=0)
    assert report.encoded == BATCH
    with open_store(store_folder) as store:
        store.followed = True
        again = store.question_vector("猫")
        assert again is not None and again.encoder == asked.encoder
        assert again.values == pytest.approx(asked.values, abs=1e-6)
        assert store.former_name == first.name
        assert retrieve(QUESTION, store)[0].meaning is not None

    for path in (folder, make_model(tmp_path / "other", 3, {"query": "query: "})):
        if path == folder:
            shutil.rmtree(path)
        else:
            path.rename(folder)
        monkeypatch.setattr(index.encoder, "_lost", {})
        with open_store(store_folder) as store:
            store.followed = True
            now = store.question_vector("猫")  # those that are made already answer
            assert now is not None and now.encoder == load_encoder().fingerprint
            assert len(store.search_vectors(now, MANY)) == BATCH
            assert "準備中" in ask(QUESTION, store).notice
            assert store.former_name == ""
    build(many, store_folder)
    with open_store(store_folder) as store:
        assert store.model.startswith(str(second))
        assert retrieve(QUESTION, store)[0].meaning is not None


def test_a_chat_answers_by_the_former_model_while_the_newest_encodes(
    many: Path, store_folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache
    gate = threading.Event()

    class Slow(BigramEncoder):
        def encode_passages(self, texts: Sequence[str]) -> np.ndarray:
            assert gate.wait(60)
            return super().encode_passages(texts)

    _, first = unpacked(cache)
    build(many, store_folder, encoder=first)
    monkeypatch.setattr(index.encoder, "_load", lambda _: Slow("newest"))
    desk = Desk(many, store_folder)
    desk.start()
    try:
        until(lambda: desk.status().former)
        until(lambda: desk.ask(QUESTION).hits[0].meaning is not None)
        assert "それまでは前のモデルで" in desk.ask(QUESTION).notice
        assert desk.place(QUESTION) is None  # no map yet, and no error
        assert "今は前のモデルで検索" in status_html(desk.status())
        gate.set()
        wait_until_idle(desk)
        assert desk.status().former == ""
        assert desk.ask(QUESTION).hits[0].meaning is not None
        assert desk.ask(QUESTION).notice == ""
        assert not index.encoder.former_ready(first.fingerprint)  # its memory is given back
    finally:
        gate.set()
        desk.close()
