"""--status and --doctor: what they show of a sound store, and that each fault is named."""

import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import BigramEncoder

from index import build, open_store
from index.doctor import examine
from index.folder import scan
from index.messages import same
from index.notes import read_note
from index.splitting import split
from index.status import status_lines
from index.storage.store import FILE_NAME
from index.storage.writing import ReadNote, update


def faults(store_folder: Path, encoder: BigramEncoder) -> dict[str, str]:
    with open_store(store_folder, encoder=encoder) as store:
        return {
            found.what.ja: f"{found.said.ja} {found.mend.ja}"
            for found in examine(store)
            if not found.well
        }


def change_note(store_folder: Path) -> None:
    """Passages that never stood in the file."""
    folder = store_folder.parent / "notes"
    (file,) = (file for file in scan(folder).files if file.path == "料理.txt")
    note = replace(read_note(folder, file), text="でたらめ\n")
    with open_store(store_folder) as store:
        update(store, folder, [ReadNote(file, note, split(note), time.time_ns())])


def flip_letter(store_folder: Path) -> None:
    with sqlite3.connect(store_folder / FILE_NAME) as db:
        db.execute("UPDATE passages SET text = replace(text, '玉', '王')")
    db.close()


def lose_segments(store_folder: Path) -> None:
    with sqlite3.connect(store_folder / FILE_NAME) as db:
        db.execute("DELETE FROM segments")
    db.close()


@pytest.mark.parametrize(
    ("hurt", "what", "said"),
    [
        (flip_letter, "ノートとの照合", "料理.txt:1"),
        (lose_segments, "SQLite", "segments"),
        (change_note, "ノートとの照合", "料理.txt:1"),
        (lambda store: (store / FILE_NAME).chmod(0o644), "権限", FILE_NAME),
        (lambda store: (store / "store.sqlite3.damaged-1").touch(), "残りもの", "damaged-1"),
        (lambda store: (store / "store.sqlite3.older-1").touch(), "残りもの", "older-1"),
        (lambda store: (store.parent / "notes" / "新.txt").write_text("新"), "照合", "新.txt"),
        (lambda store: (store.parent / "notes" / "料理.txt").unlink(), "照合", "料理.txt"),
    ],
)
def test_each_fault_is_found(
    notes: Path,
    store_folder: Path,
    encoder: BigramEncoder,
    hurt: Callable[[Path], object],
    what: str,
    said: str,
) -> None:
    build(notes, store_folder, encoder=encoder)
    assert faults(store_folder, encoder) == {}
    hurt(store_folder)
    told = {found: text for found, text in faults(store_folder, encoder).items() if what in found}
    assert said in "".join(told.values())


def test_the_status_names_what_is_there(
    notes: Path, store_folder: Path, encoder: BigramEncoder
) -> None:
    (notes / "古い.txt").write_text("古い会議のメモ。担当は髙橋さん。\n", encoding="cp932")
    (notes / "絵.txt").write_bytes(b"\x89PNG\x00\x01\xff")
    build(notes, store_folder, encoder=encoder)
    (notes / "新しい.txt").write_text("新しい\n", encoding="utf-8")
    with open_store(store_folder, encoder=encoder) as store:
        shown = {what.ja: how for what, how in status_lines(store)}
    assert "notes 4" in shown["中身"].en
    assert shown["文字コード"] == same("utf-8 3, cp932 1")
    assert "新しい 1 · 変わった 0 · ない 0" in shown["フォルダとの差"].ja
    assert shown["モデル"] == same("bigram")
