"""Following the folder: what is saved, moved or deleted shows without anyone asking for a build."""

import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import BigramEncoder, until

from index import open_store
from index.build import BuildReport
from index.store import Store
from index.watch import Follower
from qa import ask, retrieve


@pytest.fixture
def reports() -> list[BuildReport]:
    return []


@pytest.fixture
def follower(
    notes: Path, store_folder: Path, encoder: BigramEncoder, reports: list[BuildReport]
) -> Iterator[Follower]:
    with Follower(notes, store_folder, encoder=encoder, told=reports.append) as following:
        until(lambda: reports and not following.state.busy)
        yield following


@pytest.fixture
def store(follower: Follower, store_folder: Path, encoder: BigramEncoder) -> Iterator[Store]:
    with open_store(store_folder, encoder=encoder) as opened:
        opened.followed = True  # what is seen is the follower's work
        yield opened


def top(question: str, store: Store) -> str:
    hits = retrieve(question, store)
    return hits[0].passage.path if hits else ""


def test_a_saved_moved_and_deleted_note_is_followed(notes: Path, store: Store) -> None:
    assert top("カレー", store) == "料理.txt"
    (notes / "猫.txt").write_text("猫はコタツで丸くなる。\n", encoding="utf-8")
    until(lambda: top("猫はどこ？", store) == "猫.txt")
    until(lambda: retrieve("猫はどこ？", store)[0].meaning is not None)
    new = notes / ".料理.txt.swp"  # as editors save: beside it, then in its place
    new.write_text("シチューの作り方。\n", encoding="utf-8")
    new.replace(notes / "料理.txt")
    until(lambda: top("シチュー", store) == "料理.txt")
    assert top("カレー", store) != "料理.txt"
    (notes / "動物").mkdir()
    (notes / "猫.txt").rename(notes / "動物" / "猫.txt")
    until(lambda: top("猫はどこ？", store) == "動物/猫.txt")
    shutil.rmtree(notes / "動物")
    until(lambda: "猫" not in top("猫はどこ？", store))
    assert store.counts().notes == 3


def test_a_moved_note_is_not_encoded_again(
    notes: Path, store: Store, encoder: BigramEncoder
) -> None:
    encoder.encoded.clear()
    (notes / "料理.txt").rename(notes / "仕事" / "料理.txt")
    until(lambda: top("カレー", store) == "仕事/料理.txt")
    until(lambda: store.counts().encoded == store.counts().passages)
    assert not encoder.encoded


def test_a_burst_of_files_arrives_whole(
    notes: Path, store: Store, reports: list[BuildReport]
) -> None:
    for number in range(1_000):
        (notes / f"{number}.txt").write_text(f"番号{number}の話。\n", encoding="utf-8")
        (notes / f"{number}.tmp").touch()
    until(lambda: store.counts().notes == 1_003)
    until(lambda: store.counts().encoded == store.counts().passages)
    assert sum(report.added for report in reports) == 1_003
    assert not store.skipped()


def test_a_folder_that_is_away_for_a_while_loses_nothing(
    notes: Path, store: Store, follower: Follower, encoder: BigramEncoder
) -> None:
    encoder.encoded.clear()
    away = notes.with_name("away")
    notes.rename(away)
    until(lambda: "フォルダがありません" in follower.state.error)
    notes.mkdir()  # the mount point, empty
    until(lambda: "3 件" in follower.state.error)
    assert store.counts().notes == 3
    notes.rmdir()
    away.rename(notes)
    (notes / "猫.txt").write_text("猫はコタツで丸くなる。\n", encoding="utf-8")
    until(lambda: top("猫はどこ？", store) == "猫.txt")
    until(lambda: not follower.state.error)
    assert len(encoder.encoded) == 1
    (notes / "犬.txt").write_text("犬は庭駆けまわる。\n", encoding="utf-8")  # followed as before
    until(lambda: top("犬", store) == "犬.txt")


def test_a_store_that_is_deleted_is_made_again(
    notes: Path, store_folder: Path, follower: Follower, encoder: BigramEncoder
) -> None:
    shutil.rmtree(store_folder)
    follower.look()
    until(lambda: (store_folder / "store.sqlite3").exists())
    until(lambda: not follower.state.busy and not follower.state.error)
    with open_store(store_folder, encoder=encoder) as store:
        assert top("カレー", store) == "料理.txt"


def test_a_question_looks_where_nobody_follows(
    notes: Path, store_folder: Path, encoder: BigramEncoder
) -> None:
    from index import build

    build(notes, store_folder, encoder=encoder)
    with open_store(store_folder, encoder=encoder) as store:
        (notes / "猫.txt").write_text("猫はコタツで丸くなる。\n", encoding="utf-8")
        assert top("猫はどこ？", store) == "猫.txt"
        assert retrieve("猫はどこ？", store)[0].meaning is not None
        text = (notes / "猫.txt").read_text(encoding="utf-8").replace("猫", "犬")
        stamp = (notes / "猫.txt").stat()
        (notes / "猫.txt").write_text(text, encoding="utf-8")
        os.utime(notes / "猫.txt", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # same size, time
        assert retrieve("犬はどこ？", store)[0].passage.text == "犬はコタツで丸くなる。"
        (notes / "猫.txt").unlink()
        assert "猫.txt" not in {hit.passage.path for hit in retrieve("犬 コタツ", store)}
        old = time.time() - 60
        (notes / "絵.txt").write_bytes(b"\x89PNG\x00\x01\xff")  # no note: tried once, then known
        for path in notes.rglob("*.*"):
            os.utime(path, (old, old))
        top("カレー", store)
        generation = store.generation
        with pytest.MonkeyPatch.context() as patch:
            module = sys.modules["index.build"]  # index.build itself is the function
            patch.setattr(module, "update_notes", None)  # would fail if it were called
            top("カレー", store)
        assert store.generation == generation
        notes.rename(notes.with_name("away"))
        answer = ask("カレーの作り方は？", store)
        assert not answer.found
        assert "ノートのフォルダがありません" in answer.notice
        notes.with_name("away").rename(notes)
        assert ask("カレーの作り方は？", store).notice == ""
