"""The chat's desk: it answers while the index is made, and goes on when the store is replaced."""

import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import BigramEncoder, until, write_notes

import index.models.encoder
from index import build
from index.errors import StoreMismatch
from index.filters import Filter
from index.storage.store import Store
from index.sync.update import Update, update_notes
from ui.desk import Desk


@pytest.fixture
def model_gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """The model loads, as a BigramEncoder, only once this is set."""
    gate = threading.Event()
    encoder = BigramEncoder()

    def load(_: str) -> BigramEncoder:
        gate.wait(30)
        return encoder

    monkeypatch.setattr(index.models.encoder, "_load", load)
    monkeypatch.setattr(index.models.encoder, "_loaded", {})
    yield gate
    gate.set()


@pytest.fixture
def desk(notes: Path, store_folder: Path, model_gate: threading.Event) -> Iterator[Desk]:
    opened = Desk(notes, store_folder)
    opened.start()
    yield opened
    model_gate.set()
    wait_until_idle(opened)
    opened.close()


def wait_until_idle(desk: Desk) -> None:
    for _ in range(600):
        if not desk.status().following.busy:
            return
        time.sleep(0.05)
    raise TimeoutError


def test_keywords_answer_before_the_model_is_there(desk: Desk, model_gate: threading.Event) -> None:
    answer = desk.ask("カレーの作り方は？")
    assert answer.found
    assert "意味検索の準備中 0/" in answer.notice
    status = desk.status()
    assert (status.notes, status.encoded, status.following.busy) == (3, 0, True)
    model_gate.set()
    wait_until_idle(desk)
    answer = desk.ask("カレーの作り方は？")
    assert answer.notice == ""
    assert answer.hits[0].meaning is not None


def test_the_first_question_waits_while_the_notes_are_listed(
    notes: Path, store_folder: Path, monkeypatch: pytest.MonkeyPatch, model_gate: threading.Event
) -> None:
    def slow(store: Store, folder: Path, **options: Any) -> Update | None:
        time.sleep(0.5)  # a network share; the store is there by then, and empty
        return update_notes(store, folder, **options)

    monkeypatch.setattr("index.sync.watch.update_notes", slow)
    desk = Desk(notes, store_folder)
    desk.start()
    assert desk.ask("カレーの作り方は？").found
    model_gate.set()
    wait_until_idle(desk)
    desk.close()


@pytest.mark.parametrize("how", ["updated", "rebuilt", "deleted", "damaged"])
def test_the_next_question_sees_what_happened_to_the_store(
    desk: Desk, notes: Path, store_folder: Path, model_gate: threading.Event, how: str
) -> None:
    model_gate.set()
    wait_until_idle(desk)
    assert desk.ask("カレーの作り方は？").found
    (notes / "猫.txt").write_text("猫はコタツで丸くなる。\n", encoding="utf-8")
    if how == "deleted":
        shutil.rmtree(store_folder)
    else:
        if how == "damaged":  # and mended, as another process finds it
            (store_folder / "store.sqlite3").write_bytes(b"damaged" * 1000)
            for name in ("store.sqlite3-wal", "store.sqlite3-shm"):
                (store_folder / name).unlink(missing_ok=True)
        build(notes, store_folder, encoder=BigramEncoder(), rebuild=how == "rebuilt")
    answer = desk.ask("猫はどこで丸くなる？")
    assert [citation.path for citation in answer.citations] == ["猫.txt"]
    wait_until_idle(desk)
    assert desk.status().notes == 4


def test_a_question_has_a_lost_store_made_again_at_once(
    desk: Desk,
    notes: Path,
    store_folder: Path,
    model_gate: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not only when the follower looks by itself or tries again; among notes that are hostile."""
    model_gate.set()
    wait_until_idle(desk)
    monkeypatch.setattr("index.sync.watch.RETRY_SECONDS", 3_600)
    monkeypatch.setattr("index.sync.watch.SWEEP_SECONDS", 3_600)
    write_notes(
        notes, {"一.md": " " * 300_000, "二.md": "ー" * 100_000, "\u202e.md": "[[" * 50_000}
    )
    (notes / "三.docx").write_bytes(b"PK\3\4" + bytes(1_000))
    wait_until_idle(desk)
    shutil.rmtree(store_folder)
    assert desk.ask("カレーの作り方は？").found


def test_damage_that_only_a_question_meets_is_mended_before_it_is_answered(
    desk: Desk, store_folder: Path, model_gate: threading.Event
) -> None:
    model_gate.set()
    wait_until_idle(desk)
    with sqlite3.connect(store_folder / "store.sqlite3") as db:
        db.execute("UPDATE passages SET heading = '['")
    db.close()
    assert desk.ask("カレーの作り方は？").found
    assert list(store_folder.glob("*.damaged-*"))


def test_what_broke_off_is_said_of_the_index_and_not_of_an_answer(
    desk: Desk, notes: Path, model_gate: threading.Event
) -> None:
    model_gate.set()
    wait_until_idle(desk)
    Path(os.fsdecode(os.fsencode(notes) + b"/\xff.md")).write_text("読めない名前")
    until(lambda: "知らせが途切れた" in desk.status().error.ja)
    assert desk.ask("カレーの作り方は？").notice == ""


@pytest.mark.usefixtures("model_gate")
def test_what_is_missing_is_told_in_the_status(notes: Path, store_folder: Path) -> None:
    (notes / "絵.png").write_bytes(b"\x89PNG")
    desk = Desk(notes, store_folder)
    build(notes, store_folder, encoder=BigramEncoder())
    status = desk.status()
    assert [item.path for item in status.skipped] == ["絵.png"]
    assert desk.examples() == ["定例会議は？", "引越しの準備は？", "定例会議の決定事項は？"]
    desk.close()


@pytest.mark.usefixtures("model_gate")
def test_a_folder_that_is_away_is_no_answer_of_the_notes(notes: Path, store_folder: Path) -> None:
    desk = Desk(notes, store_folder)
    build(notes, store_folder, encoder=BigramEncoder())
    notes.rename(notes.with_name("away"))
    answer = desk.ask("粗大ごみはいつ出す？")
    assert not answer.found
    assert answer.text.startswith("ノートのファイルを読めない")
    desk.close()


def test_another_folders_store_is_not_asked(
    notes: Path, tmp_path: Path, store_folder: Path, encoder: BigramEncoder
) -> None:
    build(notes, store_folder, encoder=encoder)
    other = write_notes(tmp_path / "other", {"犬.txt": "犬は喜び庭駆けまわる。\n"})
    desk = Desk(other, store_folder)
    desk.start()
    with pytest.raises(StoreMismatch, match="別のフォルダ"):
        desk.ask("カレーの作り方は？")
    wait_until_idle(desk)
    assert "別のフォルダ" in desk.status().error.ja
    desk.close()


def test_a_question_is_kept_to_a_folder_and_the_choices_follow_the_notes(
    desk: Desk, notes: Path
) -> None:
    at_work = Filter.of(folder="仕事")
    assert desk.ask("粗大ごみはいつ出す？", within=at_work).citations[0].path == "仕事/引越し.txt"
    answer = desk.ask("カレーの作り方は？", within=at_work)
    assert not answer.found
    assert "仕事/ のノート 1 件だけ" in answer.notice
    assert desk.filters() == (["仕事"], [])
    write_notes(notes, {"家/日記/春.md": "---\ntags: [花見]\n---\n桜が咲いた。\n"})
    for _ in range(600):
        if "花見" in desk.filters()[1]:
            break
        time.sleep(0.05)
    assert desk.filters() == (["仕事", "家", "家/日記"], ["花見"])
