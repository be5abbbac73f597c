"""Following the folder: what is saved, moved or deleted shows without anyone asking for a build."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from conftest import BigramEncoder, find, until

from index import open_store
from index.storage.store import Store
from index.sync import build as building
from index.sync.build import BuildReport
from index.sync.watch import Follower
from qa import ask, retrieve


@pytest.fixture
def reports() -> list[BuildReport]:
    return []


@pytest.fixture
def follower(
    notes: Path, store_folder: Path, encoder: BigramEncoder, reports: list[BuildReport]
) -> Iterator[Follower]:
    with (
        Store(store_folder, encoder=encoder) as store,
        Follower(notes, store, told=reports.append) as following,
    ):
        until(lambda: reports and not following.state.busy)
        yield following


@pytest.fixture
def store(follower: Follower) -> Store:
    return follower.store


def top(question: str, store: Store) -> str:
    """What is found without a look at the folder: the follower's work."""
    hits = find(question, store)
    return hits[0].passage.path if hits else ""


def test_a_saved_moved_and_deleted_note_is_followed(notes: Path, store: Store) -> None:
    assert top("カレー", store) == "料理.txt"
    (notes / "猫.txt").write_text("猫はコタツで丸くなる。\n", encoding="utf-8")
    until(lambda: top("猫はどこ？", store) == "猫.txt")
    until(lambda: find("猫はどこ？", store)[0].meaning is not None)
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


def test_a_name_that_is_no_utf8_stops_nothing_and_is_said(
    notes: Path, store: Store, follower: Follower
) -> None:
    Path(os.fsdecode(os.fsencode(notes) + b"/\xff\xfebad.md")).write_text("読めない名前")
    until(lambda: "知らせが途切れた" in follower.state.broke_off.ja)
    (notes / "猫.txt").write_text("猫はコタツで丸くなる。\n", encoding="utf-8")
    until(lambda: top("猫はどこ？", store) == "猫.txt")
    assert r"\xff\xfebad.md" in [item.path for item in store.skipped()]
    follower.rebuild()
    until(lambda: not follower.state.rebuilding and not follower.state.busy)
    (notes / "犬.txt").write_text("犬は庭駆けまわる。\n", encoding="utf-8")
    until(lambda: top("犬", store) == "犬.txt")


@pytest.mark.parametrize("broken", ["update_notes", "encode"])
def test_a_thread_that_ends_is_said_and_started_again(
    notes: Path,
    store: Store,
    follower: Follower,
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
) -> None:
    class Panic(BaseException):
        """As what goes wrong in Rust arrives here: no Exception."""

    def panic(*_: object, **__: object) -> None:
        monkeypatch.undo()
        raise Panic("half way")

    monkeypatch.setattr(f"index.sync.watch.{broken}", panic)
    (notes / "猫.txt").write_text("猫はコタツで丸くなる。\n", encoding="utf-8")
    until(lambda: "Panic: half way" in follower.state.broke_off.ja)
    until(lambda: top("猫はどこ？", store) == "猫.txt")
    until(lambda: store.counts().encoded == store.counts().passages)
    until(lambda: not follower.state.busy)


class Vandal:
    """Puts odd files under odd names into a folder, the same ones each time."""

    SIGNS = tuple(bytes([byte]) for byte in range(1, 256) if byte != ord("/"))
    SIGNS += tuple(sign.encode() for sign in "\u202e\u200b\u3000\ufeffがガ\u3099👨‍👧.*[!#~$")
    SUFFIXES = (b".md", b".txt", b".csv", b".html", b".pdf", b"", b"/.kikigakiignore")
    RUNS = tuple(sign.encode() for sign in " 　-[#ー\n9")
    TARGETS = ("/dev/zero", "/etc/passwd", "..", ".")

    def __init__(self, root: Path) -> None:
        self.random = Random(18)
        self.places = [root, root / "深い", Path(os.fsdecode(os.fsencode(root) + b"/\xff\xfe"))]
        for place in self.places[1:]:
            place.mkdir()

    def strike(self) -> None:
        """One more file, folder, pipe or link; or one of those gets another name."""
        folder = self.random.choice(self.places)
        name = b"".join(self.random.choices(self.SIGNS, k=self.random.randint(1, 60)))
        path = folder / os.fsdecode(name + self.random.choice(self.SUFFIXES))
        with suppress(OSError):  # too long, or taken
            folder.mkdir(exist_ok=True)  # it may have got another name itself
            there = sorted(folder.iterdir())
            if there and self.random.random() < 0.3:
                self.random.choice(there).rename(path)
            else:
                path.parent.mkdir(exist_ok=True)
                self.put(path)

    def put(self, path: Path) -> None:
        kind = self.random.randrange(8)
        if kind == 0:
            path.mkdir()
        elif kind == 1:
            os.mkfifo(path)
        elif kind == 2:
            path.symlink_to(self.random.choice([*self.TARGETS, path]))
        else:
            run = self.random.choice(self.RUNS) * 2_000
            path.write_bytes(self.random.choice([b"", self.random.randbytes(200), run]))


def test_a_thousand_hostile_names_and_files_stop_nothing(
    notes: Path, store: Store, follower: Follower
) -> None:
    vandal = Vandal(notes)
    for number in range(1_000):
        vandal.strike()
        if number % 250 == 0:
            time.sleep(0.6)  # the follower looks in the middle of it, too
    for name in ("猫.txt", "犬.txt"):
        (notes / name).write_text("こたつで丸くなる。\n", encoding="utf-8")
        until(lambda name=name: name in store.known_files())
    until(lambda: not follower.state.busy)
    assert not follower.state.failing


def test_a_folder_that_is_away_for_a_while_loses_nothing(
    notes: Path, store: Store, follower: Follower, encoder: BigramEncoder
) -> None:
    encoder.encoded.clear()
    away = notes.with_name("away")
    notes.rename(away)
    until(lambda: "フォルダがありません" in follower.state.error.ja)
    notes.mkdir()  # the mount point, empty
    until(lambda: "3 件" in follower.state.error.ja)
    assert store.counts().notes == 3
    notes.rmdir()
    away.rename(notes)
    (notes / "猫.txt").write_text("猫はコタツで丸くなる。\n", encoding="utf-8")
    until(lambda: top("猫はどこ？", store) == "猫.txt")
    until(lambda: not follower.state.error and not follower.state.busy)
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
        assert retrieve("猫はどこ？", store)[0].passage.path == "猫.txt"
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
        retrieve("カレー", store)
        generation = store.generation
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(building, "update_notes", None)  # would fail if it were called
            retrieve("カレー", store)
        assert store.generation == generation
        notes.rename(notes.with_name("away"))
        answer = ask("カレーの作り方は？", store)
        assert not answer.found
        assert "ノートのフォルダがありません" in answer.notice
        notes.with_name("away").rename(notes)
        assert ask("カレーの作り方は？", store).notice == ""
