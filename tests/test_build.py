"""Bringing a store up to date: only what changed is touched, and nothing is lost on the way."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import NOTES, ROOT, BigramEncoder, find, write_notes

from index import build, open_store
from index.errors import NotesFolderError, StoreError, StoreMismatch, StoreMissing
from index.storage.database import DAMAGED, put_meta
from index.storage.store import FILE_NAME, Store
from index.storage.writing import use_encoder
from qa import ask, retrieve


def top(question: str, store: Store) -> str:
    hits = retrieve(question, store)
    return hits[0].passage.path if hits else ""


def dump(store: Path) -> dict[str, list[tuple[object, ...]]]:
    """What a store holds, without ids and times, for comparing two."""
    with sqlite3.connect(store / FILE_NAME) as db:
        content = {
            "notes": db.execute(
                "SELECT path, sha256, encoding FROM notes ORDER BY path"
            ).fetchall(),
            "passages": db.execute(
                "SELECT path, start_line, end_line, heading, text"
                " FROM passages ORDER BY path, start_line, start"
            ).fetchall(),
            "vectors": db.execute("SELECT key, vector FROM vectors ORDER BY key").fetchall(),
        }
    db.close()
    return content


def test_only_what_changed_is_read_and_encoded(
    notes: Path, store_folder: Path, encoder: BigramEncoder
) -> None:
    first = build(notes, store_folder, encoder=encoder)
    assert (first.added, first.changed, first.removed, first.unchanged) == (3, 0, 0, 0)
    assert first.passages == len(encoder.encoded) == first.encoded > 0
    encoder.encoded.clear()

    second = build(notes, store_folder, encoder=encoder)
    assert (second.added, second.changed, second.removed, second.unchanged) == (0, 0, 0, 3)
    assert not encoder.encoded

    (notes / "料理.txt").write_text("ラーメンの作り方。\n", encoding="utf-8")
    (notes / "会議.md").unlink()
    (notes / "新規.txt").write_text("税の話。\n", encoding="utf-8")
    os.utime(notes / "仕事" / "引越し.txt")  # touched, with the same bytes
    third = build(notes, store_folder, encoder=encoder)
    assert (third.added, third.changed, third.removed, third.unchanged) == (1, 1, 1, 1)
    assert len(encoder.encoded) == 2
    with open_store(store_folder, encoder=encoder) as store:
        assert top("ラーメン", store) == "料理.txt"
        assert top("税", store) == "新規.txt"
        assert "会議.md" not in {hit.passage.path for hit in retrieve("定例会議 サーバー", store)}
        assert store.counts().encoded == store.counts().passages


def test_an_open_store_sees_what_another_process_builds(
    notes: Path, store: Store, store_folder: Path
) -> None:
    assert top("カレー", store) == "料理.txt"
    (notes / "猫.txt").write_text("猫はコタツで丸くなる。\n", encoding="utf-8")
    (notes / "料理.txt").unlink()
    code = (
        "import sys; sys.path.insert(0, 'tests');"
        "from conftest import BigramEncoder; from index import build;"
        f"print(build({str(notes)!r}, {str(store_folder)!r}, encoder=BigramEncoder()).added)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "1"
    assert top("猫はどこで丸くなる", store) == "猫.txt"
    assert top("カレー", store) != "料理.txt"


def test_a_killed_build_keeps_whole_notes_and_goes_on(tmp_path: Path) -> None:
    many = {f"{n:03}.txt": f"見出し{n}\n\n  ・項目{n}の一\n  ・項目{n}の二\n" for n in range(300)}
    folder = write_notes(tmp_path / "notes", many)
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    code = (
        "import sys, time; sys.path.insert(0, 'tests');"
        "from conftest import BigramEncoder; from index import build;"
        f"build({str(folder)!r}, {str(killed)!r}, encoder=BigramEncoder(),"
        " progress=lambda *step: (print(*step, flush=True), time.sleep(0.2)))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("notes 128"):
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    encoder = BigramEncoder()
    with open_store(killed, encoder=encoder) as store:
        notes_left = store.counts().notes
        assert 128 <= notes_left < 300
        assert store.counts().passages == 3 * notes_left  # whole notes only
        assert find("項目7の一", store)[0].passage.path == "007.txt"
    report = build(folder, killed, encoder=encoder)
    assert (report.added, report.unchanged) == (300 - notes_left, notes_left)
    build(folder, whole, encoder=encoder)
    assert dump(killed) == dump(whole)


def test_interrupted_encoding_already_answers_by_keywords(
    notes: Path, store_folder: Path, encoder: BigramEncoder
) -> None:
    class Interrupted(BigramEncoder):
        def encode_passages(self, texts: list[str]) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(notes, store_folder, encoder=Interrupted())
    with open_store(store_folder, encoder=encoder) as store:
        assert store.counts().encoded == 0
        assert find("カレーの作り方", store)[0].passage.path == "料理.txt"
    report = build(notes, store_folder, encoder=encoder)
    assert (report.added, report.unchanged, report.encoded) == (0, 3, report.passages)


@pytest.mark.parametrize("damage", ["truncate", "zero", "delete"])
def test_a_damaged_store_is_made_again(
    notes: Path, store_folder: Path, encoder: BigramEncoder, damage: str
) -> None:
    build(notes, store_folder, encoder=encoder)
    before = dump(store_folder)
    path = store_folder / FILE_NAME
    content = path.read_bytes()
    if damage == "delete":
        path.unlink()
    elif damage == "truncate":
        path.write_bytes(content[: len(content) // 2])
    else:
        path.write_bytes(content[:4096] + bytes(104) + content[4200:])
    report = build(notes, store_folder, encoder=encoder)
    with open_store(store_folder, encoder=encoder) as store:
        assert top("カレーの作り方", store) == "料理.txt"
        assert retrieve("カレーの作り方", store)[0].meaning is not None
    assert dump(store_folder) == before
    if damage != "delete":
        assert any("壊れ" in remark.ja for remark in report.remarks)
        assert list(store_folder.glob("*.damaged-*"))


def test_a_store_of_a_former_version_is_set_aside(
    notes: Path, store_folder: Path, encoder: BigramEncoder
) -> None:
    store_folder.mkdir()
    (store_folder / "kikigaki-store.txt").touch()
    with sqlite3.connect(store_folder / FILE_NAME) as db:  # as version 3 began it
        db.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
        db.executemany("INSERT INTO meta VALUES (?, ?)", [("schema", "3"), ("identity", "a")])
    db.close()
    (store_folder / "keywords").mkdir()
    (store_folder / "keywords" / "meta.json").write_text("{}")
    (store_folder / "vectors.faiss").write_bytes(b"IxM2")
    with pytest.raises(StoreMismatch, match="schema: 3"):
        open_store(store_folder)
    report = build(notes, store_folder, encoder=encoder)
    assert any("前の版" in remark.ja for remark in report.remarks)
    assert len(list(store_folder.glob("*.older-*"))) == 1
    assert not list(store_folder.glob("keywords*")) + list(store_folder.glob("vectors*"))
    assert not build(notes, store_folder, encoder=encoder).remarks
    with open_store(store_folder, encoder=encoder) as store:
        assert top("カレーの作り方", store) == "料理.txt"


def test_another_model_encodes_again_and_says_so(notes: Path, store_folder: Path) -> None:
    build(notes, store_folder, encoder=BigramEncoder("former"))
    other = BigramEncoder("other", dim=64)
    with open_store(store_folder, encoder=other) as store:  # of another model
        assert retrieve("カレー", store)[0].meaning is None
        assert "言葉だけで探しました" in ask("カレーの作り方は？", store).notice
    report = build(notes, store_folder, encoder=other)
    assert (report.added, report.changed, report.encoded) == (0, 0, report.passages)
    assert any("former → other" in remark.ja for remark in report.remarks)
    with open_store(store_folder, encoder=other) as store:
        assert top("カレー", store) == "料理.txt"


def test_another_version_reads_again_and_says_so(
    notes: Path, store_folder: Path, encoder: BigramEncoder
) -> None:
    build(notes, store_folder, encoder=encoder)
    with Store(store_folder) as store, store.database.write() as db:
        put_meta(db, {"tokenizer": "rules 0"})
    with pytest.raises(StoreMismatch, match="tokenizer: rules 0"):
        open_store(store_folder)
    encoder.encoded.clear()
    report = build(notes, store_folder, encoder=encoder)
    assert any("tokenizer" in remark.ja for remark in report.remarks)
    assert not encoder.encoded  # the texts are the same, so their vectors serve
    with open_store(store_folder, encoder=encoder) as store:
        assert top("カレー", store) == "料理.txt"


def test_two_folders_never_mix(
    notes: Path, tmp_path: Path, store_folder: Path, encoder: BigramEncoder
) -> None:
    build(notes, store_folder, encoder=encoder)
    other = write_notes(tmp_path / "other", {"犬.txt": "犬は喜び庭駆けまわる。\n"})
    with pytest.raises(StoreMismatch, match="別のフォルダ"):
        build(other, store_folder, encoder=encoder)
    report = build(other, store_folder, encoder=encoder, rebuild=True)
    assert report.added == 1
    with open_store(store_folder, encoder=encoder) as store:
        assert {hit.passage.path for hit in retrieve("カレー 犬", store)} == {"犬.txt"}


def test_a_folder_that_is_suddenly_empty_loses_nothing(
    notes: Path, store: Store, store_folder: Path, encoder: BigramEncoder
) -> None:
    shutil.move(notes, notes.with_name("away"))
    with pytest.raises(NotesFolderError, match="ノートのフォルダがありません"):
        build(notes, store_folder, encoder=encoder)
    notes.mkdir()
    with pytest.raises(NotesFolderError, match="3 件"):
        build(notes, store_folder, encoder=encoder)
    assert store.counts().notes == 3


def test_a_note_that_cannot_be_read_just_now_is_kept(
    notes: Path, store_folder: Path, encoder: BigramEncoder
) -> None:
    build(notes, store_folder, encoder=encoder)
    (notes / "料理.txt").unlink()
    (notes / "料理.txt").symlink_to(notes / "外れたディスク.txt")
    report = build(notes, store_folder, encoder=encoder)
    assert [item.path for item in report.skipped] == ["料理.txt"]
    assert report.removed == 0
    (notes / "料理.txt").unlink()
    assert build(notes, store_folder, encoder=encoder).removed == 1


def test_a_subfolder_that_cannot_be_listed_just_now_is_kept(
    notes: Path, store_folder: Path, encoder: BigramEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    (notes / "仕事.md").write_text("仕事のまとめ\n", encoding="utf-8")
    build(notes, store_folder, encoder=encoder)
    (notes / "仕事.md").unlink()  # gone for good, though its name begins like the folder's
    scandir = os.scandir

    def refuse(folder: Path) -> object:
        if Path(folder).name == "仕事":
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    report = build(notes, store_folder, encoder=encoder)
    assert (report.removed, report.unchanged) == (1, 3)
    assert [item.path for item in report.skipped] == ["仕事/"]


def test_another_process_with_another_model_stores_no_wrong_vectors(
    notes: Path, store_folder: Path
) -> None:
    other = BigramEncoder("other")

    class Overtaken(BigramEncoder):
        def encode_passages(self, texts: list[str]) -> object:
            with Store(store_folder) as store:
                use_encoder(store, other, other.fingerprint)
            return super().encode_passages(texts)

    with pytest.raises(StoreMismatch, match="別のモデル"):
        build(notes, store_folder, encoder=Overtaken())
    report = build(notes, store_folder, encoder=other)
    assert report.encoded == report.passages


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE passages SET text = cast(x'e6a19c2eff' AS text)",
        "UPDATE passages SET heading = '['",
        "UPDATE vectors SET vector = x'00'",
        "UPDATE segments SET places = x'00'",
        "UPDATE segments SET starts = cast(starts || x'00' AS blob)",
        "DELETE FROM segments",
        "ALTER TABLE passages DROP COLUMN start_line",
    ],
)
def test_damage_that_a_question_meets_is_mended(
    notes: Path, store_folder: Path, encoder: BigramEncoder, statement: str
) -> None:
    """The question that meets it is answered, from a store made again."""
    build(notes, store_folder, encoder=encoder)
    before = dump(store_folder)
    with sqlite3.connect(store_folder / FILE_NAME) as db:
        db.execute(statement)
    db.close()
    with open_store(store_folder, encoder=encoder) as store:
        assert top("カレーの作り方", store) == "料理.txt"
    assert dump(store_folder) == before
    assert list(store_folder.glob("*.damaged-*"))
    assert not (store_folder / DAMAGED).exists()


def test_encoding_stops_in_time_and_goes_on_the_next_time(
    tmp_path: Path, store_folder: Path, encoder: BigramEncoder
) -> None:
    many = {f"{n}.txt": f"話{n}の内容。\n" for n in range(150)}
    folder = write_notes(tmp_path / "notes", many)
    first = build(folder, store_folder, encoder=encoder, encode_seconds=0)
    assert 0 < first.encoded < first.passages == 150
    assert build(folder, store_folder, encoder=encoder).encoded == 150 - first.encoded


def test_an_empty_folder_is_said_and_is_no_error(tmp_path: Path, encoder: BigramEncoder) -> None:
    (tmp_path / "notes").mkdir()
    report = build(tmp_path / "notes", tmp_path / "store", encoder=encoder)
    assert report.passages == 0
    assert any(".txt" in remark.ja for remark in report.remarks)
    with open_store(tmp_path / "store", encoder=encoder) as store:
        assert retrieve("何か", store) == []


def test_the_store_takes_no_folder_of_others(notes: Path, tmp_path: Path) -> None:
    (tmp_path / "写真").mkdir()
    (tmp_path / "写真" / "海.jpg").touch()
    with pytest.raises(StoreError, match="別のファイル"):
        build(notes, tmp_path / "写真", encoder=BigramEncoder())
    assert [path.name for path in (tmp_path / "写真").iterdir()] == ["海.jpg"]
    with pytest.raises(StoreMissing, match="python -m index"):
        open_store(tmp_path / "写真")
    write_notes(tmp_path / "自分の", {"keywords/大事.md": "大事なメモ", "keywords.txt": "x"})
    with pytest.raises(StoreError, match="別のファイル"):  # named like ours, but not ours
        build(tmp_path / "自分の", tmp_path / "自分の", encoder=BigramEncoder())
    assert (tmp_path / "自分の" / "keywords" / "大事.md").read_text() == "大事なメモ"


def test_building_never_writes_to_the_notes(
    notes: Path, store_folder: Path, encoder: BigramEncoder
) -> None:
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in notes.rglob("*.*")}
    build(notes, notes / "索引", encoder=encoder)  # even with the store among them
    build(notes, notes / "索引", encoder=encoder, rebuild=True)
    after = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in before}
    assert after == before
    assert len(before) == len(NOTES)


def test_a_change_within_the_clocks_grain_is_seen(
    notes: Path, store_folder: Path, encoder: BigramEncoder
) -> None:
    path = notes / "料理.txt"
    build(notes, store_folder, encoder=encoder)
    stamp = path.stat()
    text = path.read_text(encoding="utf-8").replace("カレー", "シチュ")
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # same size, same time
    assert time.time_ns() - stamp.st_mtime_ns < 60e9
    assert build(notes, store_folder, encoder=encoder).changed == 1
