"""Following the folder: a saved note is searchable without anyone asking for a build."""

import threading
from pathlib import Path

import pytest
from conftest import BigramEncoder

import index.encoder
from index import open_store
from index.watch import watch
from qa import retrieve


def test_a_saved_note_is_searchable(
    notes: Path, store_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = BigramEncoder()
    monkeypatch.setattr(index.encoder, "_load", lambda _: encoder)
    monkeypatch.setattr(index.encoder, "_loaded", {})
    stop = threading.Event()
    reports = watch(notes, store_folder, stop=stop)
    assert next(reports).added == 3
    (notes / "猫.txt").write_text("猫はコタツで丸くなる。\n", encoding="utf-8")
    assert next(reports).added == 1
    with open_store(store_folder, encoder=encoder) as store:
        assert retrieve("猫はどこ？", store)[0].passage.path == "猫.txt"
    (notes / "猫.txt").unlink()
    assert next(reports).removed == 1
    stop.set()
    assert list(reports) == []
