"""What may happen to a store: kill -9, power cuts, full disks, flipped bits, two processes at once.

Whatever happens, a reader is shown passages that stand in the notes or told what is wrong, and the
next build ends where an undisturbed one does: the same rows, the same hits with the same scores.
Random moments and places come from SEED; CRASH_SEED sets another.
"""

import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from conftest import ROOT, BigramEncoder, answered, find, write_notes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index import NotesError, build, open_store
from index.errors import StoreDamaged, StoreMismatch, StoreMissing
from index.storage.store import FILE_NAME, Store
from index.storage.writing import update
from index.sync import build as building
from index.sync import update as updating
from index.sync.build import prepare
from index.sync.update import update_notes
from qa.retrieve import search
from qa.understanding.question import read_question

SEED = int(os.environ.get("CRASH_SEED") or 1)
KILLS = 20  # random moments of each of two kinds of build
STEPS = 10  # and of those calls after which something on the disk has changed
CHANGING_CALLS = {
    *("execute", "executemany", "fsync", "replace", "rename", "unlink", "rmdir", "mkdir", "write"),
    "open",
}
HOUR_AGO = time.time() - 3_600
QUESTIONS = ("1007班とは？", "PPR-1013 の鍵の棚は？", "1016班とは？")


# ── notes, and what a store says of them ──────────────────────────────────────────────────────


def note(number: int, more: str = "") -> str:
    return (
        f"# 番号 PPR-{number}\n\n- 担当は{number}班{more}\n- 予算は{number * 7}円\n\n"
        f"## 倉庫\n\n番号 PPR-{number} の鍵は{number % 17}番の棚にある。{more}\n"
    )


def old_notes(count: int) -> dict[str, str]:
    return {f"{n:04}.md": note(n) for n in range(1_000, 1_000 + count)}


def make(folder: Path, count: int) -> Path:
    return aged(write_notes(folder, old_notes(count)))


def aged(folder: Path) -> Path:
    """Written long ago, so that sizes and times prove a note untouched."""
    for path in folder.rglob("*.*"):
        os.utime(path, (HOUR_AGO, HOUR_AGO))
    return folder


def change(folder: Path) -> None:
    """Change, delete, move and add a tenth of the notes each."""
    for path in sorted(folder.glob("*.md")):
        if path.stem[-1] == "0":
            path.write_text(note(int(path.stem), "と新人"), encoding="utf-8")
        elif path.stem[-1] == "1":
            path.unlink()
        elif path.stem[-1] == "2":
            (folder / "倉庫").mkdir(exist_ok=True)
            path.rename(folder / "倉庫" / path.name)
    write_notes(folder, {f"{n}.md": note(n, "新しい") for n in range(2_000, 2_010)})
    aged(folder)


class State(NamedTuple):
    """What a store holds, without ids, times and generations."""

    notes: dict[str, tuple[object, ...]]  # each note's row, passages and vectors, by path
    skipped: list[tuple[object, ...]]


def state(store: Path) -> State:
    db = sqlite3.connect(f"{(store / FILE_NAME).absolute().as_uri()}?mode=ro", uri=True)
    rows = db.execute(
        "SELECT path, name, title, sha256, size, encoding, date, tags FROM notes"
    ).fetchall()
    passages = db.execute(
        "SELECT path, start_line, end_line, heading, text, start, vector_key, vector"
        " FROM passages LEFT JOIN vectors ON key = vector_key"
        " ORDER BY path, start"
    ).fetchall()
    skipped = db.execute("SELECT path, reason FROM skipped ORDER BY path").fetchall()
    db.close()
    of_path: dict[str, list[object]] = {row[0]: [] for row in rows}
    for passage in passages:
        of_path[passage[0]].append(passage[1:])
    return State({row[0]: (*row[1:], tuple(of_path[row[0]])) for row in rows}, skipped)


def without_vectors(row: tuple[Any, ...]) -> tuple[object, ...]:
    return (*row[:-1], tuple(passage[:-2] for passage in row[-1]))


def searches(
    store: Path, encoder: BigramEncoder, questions: tuple[str, ...] = QUESTIONS
) -> list[object]:
    """What search finds for several questions, with all scores."""
    found: list[object] = []
    with open_store(store, encoder=encoder) as opened, opened.searcher() as index:
        for question in ("番号 鍵 担当 予算 棚 班 円", *questions):
            hits = search(read_question(question, index), index, 9_999)
            found.append([(hit.passage, hit.score, hit.keyword, hit.meaning) for hit in hits])
    return found


def reads_right(
    store: Store, known: Callable[[str, str], bool], questions: tuple[str, ...] = QUESTIONS
) -> None:
    """Whatever is found stands in a note: known says so of a path and a text."""
    for question in questions:
        for hit in find(question, store):
            assert known(hit.passage.path, hit.passage.text), hit
        quotes_right(store, known, question)


def quotes_right(store: Store, known: Callable[[str, str], bool], question: str) -> None:
    """Whatever is quoted stands in a note."""
    for citation in answered(question, store).citations:
        assert known(citation.path, citation.quote), citation


def in_notes(*contents: dict[str, str]) -> Callable[[str, str], bool]:
    return lambda path, text: any(text in notes.get(path, "") for notes in contents)


def texts(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for path in folder.rglob("*.md")
    }


class Undisturbed(NamedTuple):
    """A folder and its store before a change of the notes, and after it."""

    old: Path
    new: Path
    old_store: Path
    new_store: Path  # the old one, updated
    old_state: State
    new_state: State
    old_found: list[object]
    new_found: list[object]


def undisturbed(place: Path, count: int) -> Undisturbed:
    """Both folders take their turn in place / "notes", as a store is of one folder."""
    encoder = BigramEncoder()
    notes, store = place / "notes", place / "store"
    make(notes, count)
    shutil.copytree(notes, place / "old")
    build(notes, store, encoder=encoder)
    shutil.copytree(store, place / "old_store")
    found = searches(store, encoder)
    change(notes)
    shutil.copytree(notes, place / "new")
    build(notes, store, encoder=encoder)
    shutil.copytree(store, place / "new_store")
    build(notes, place / "fresh", encoder=encoder)
    assert state(store) == state(place / "fresh")
    assert searches(store, encoder) == searches(place / "fresh", encoder)
    folders = [place / name for name in ("old", "new", "old_store", "new_store")]
    states = [state(folder) for folder in folders[2:]]
    return Undisturbed(*folders, *states, found, searches(store, encoder))


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return undisturbed(tmp_path_factory.mktemp("many"), 120)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    return undisturbed(tmp_path_factory.mktemp("few"), 20)


@pytest.fixture
def rng() -> random.Random:
    sys.stdout.write(f"CRASH_SEED={SEED}\n")
    return random.Random(SEED)


def put(source: Path, place: Path) -> Path:
    """A copy, in place of what is there."""
    remove(place)
    shutil.copytree(source, place)
    return place


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


# ── builds in processes of their own ──────────────────────────────────────────────────────────


def serve() -> None:
    """Build as asked, line by line, each time in a fork that may be killed or kept short."""
    from index.words.tokens import tokenize

    updating.NOTES_A_BATCH = 16
    building.TEXTS_A_BATCH = 16
    tokenize("辞書を読んでおく")
    for line in sys.stdin:
        wanted = json.loads(line)
        answer, told = os.pipe()
        started = time.monotonic()
        child = os.fork()
        if child == 0:
            os.write(told, json.dumps(_one_build(**wanted)).encode())
            os._exit(0)
        os.close(told)
        if wanted["kill_after"]:
            time.sleep(wanted["kill_after"])
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with os.fdopen(answer, "rb") as stream:
            result = json.loads(stream.read() or b'{"killed": true}')
        sys.stdout.write(json.dumps({**result, "seconds": time.monotonic() - started}) + "\n")
        sys.stdout.flush()


def _one_build(
    notes: str, store: str, kill_after: float, kill_at: int, limit: int
) -> dict[str, object]:
    if limit >= 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    calls = 0

    def count(frame: object, event: str, function: Any) -> None:
        nonlocal calls
        if event in ("c_call", "c_return") and function.__name__ in CHANGING_CALLS:
            calls += 1
            if calls == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    try:
        if kill_at:
            sys.setprofile(count)
        build(notes, store, encoder=BigramEncoder())
        sys.setprofile(None)
    except BaseException as error:
        sys.setprofile(None)
        kinds = [kind.__name__ for kind in type(error).__mro__]
        return {"calls": calls, "error": kinds, "message": str(error)}
    return {"calls": calls}


class Builds:
    """Asks `serve` for builds."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", "import test_crash; test_crash.serve()"],
            cwd=ROOT / "tests",
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(
        self, notes: Path, store: Path, *, kill_after: float = 0, kill_at: int = 0, limit: int = -1
    ) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        wanted = {"kill_after": kill_after, "kill_at": kill_at, "limit": limit}
        line = json.dumps({"notes": str(notes), "store": str(store), **wanted})
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


@pytest.fixture(scope="module")
def builds() -> Iterator[Builds]:
    started = Builds()
    yield started
    with started.process as process:
        assert process.stdin
        process.stdin.close()


# ── kill -9 ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("first", [True, False], ids=["first build", "update"])
def test_a_build_killed_at_any_moment_leaves_whole_notes_and_goes_on(
    tmp_path: Path, many: Undisturbed, builds: Builds, rng: random.Random, first: bool
) -> None:
    notes = many.old.with_name("notes")
    put(many.new, notes)
    store, encoder = tmp_path / "store", BigramEncoder()
    wanted, kinds = (
        (many.new_state.notes, [many.new_state.notes])
        if first
        else (many.new_state.notes, [many.new_state.notes, many.old_state.notes])
    )

    def begin() -> None:
        remove(store)
        if not first:
            put(many.old_store, store)

    begin()
    builds(notes, store)
    begin()
    seconds = builds(notes, store)["seconds"]
    begin()
    calls = builds(notes, store, kill_at=1_000_000)["calls"]
    moments = [{"kill_after": seconds * (at + rng.random()) / KILLS} for at in range(KILLS)]
    moments += [{"kill_at": rng.randrange(1, calls + 1)} for _ in range(STEPS)]
    lengths = set()
    for moment in moments:
        begin()
        builds(notes, store, **moment)
        left: State = State({}, [])
        try:
            with open_store(store, encoder=encoder) as opened:
                left = state(store)
                reads_right(opened, in_notes(texts(many.old), texts(many.new)))
        except StoreMissing:  # killed before the first commit
            assert first, moment
        lengths.add(len(left.notes))
        for path, row in left.notes.items():
            whole = [without_vectors(kind[path]) for kind in kinds if path in kind]
            assert without_vectors(row) in whole, (moment, path)
        if first:
            assert list(left.notes) == sorted(wanted)[: len(left.notes)], moment
        else:  # a note that was moved is in its old place or the new one, never in neither
            kept = {Path(path).name for path in left.notes}
            assert kept >= {Path(path).name for path in many.new_state.notes} - {
                f"{n}.md" for n in range(2_000, 2_010)
            }, moment
        report = build(notes, store, encoder=encoder)
        assert not report.remarks, moment
        assert state(store) == many.new_state, moment
        assert searches(store, encoder) == many.new_found, moment
    assert len(lengths) > 3  # the moments are spread over the build


# ── power cuts ────────────────────────────────────────────────────────────────────────────────


def test_a_log_cut_short_is_an_older_state(
    tmp_path: Path, few: Undisturbed, rng: random.Random
) -> None:
    notes, store, encoder = few.old.with_name("notes"), tmp_path / "store", BigramEncoder()
    base = with_log(few, tmp_path / "base")
    length = (base / f"{FILE_NAME}-wal").stat().st_size
    for at in sorted(rng.sample(range(length), 8)):
        put(base, store)
        os.truncate(store / f"{FILE_NAME}-wal", at)
        with open_store(store, encoder=encoder) as opened:
            reads_right(opened, in_notes(texts(few.old), texts(few.new)))
        report = build(notes, store, encoder=encoder)
        assert not report.remarks, at
        assert state(store) == few.new_state, at
        assert searches(store, encoder) == few.new_found, at


def with_log(few: Undisturbed, place: Path) -> Path:
    """The new store as kill -9 leaves it: its last commits only in SQLite's log."""
    notes, store = few.old.with_name("notes"), place.with_name("with log")
    put(few.new, notes)
    put(few.old_store, store)
    with open_store(store) as reader:  # while it is open, nobody puts the log into the file
        assert reader.counts().notes
        build(notes, store, encoder=BigramEncoder())
        put(store, place)
    (place / f"{FILE_NAME}-shm").unlink()
    return place


# ── full disks ────────────────────────────────────────────────────────────────────────────────


def test_no_file_may_grow_further(
    tmp_path: Path, many: Undisturbed, builds: Builds, rng: random.Random
) -> None:
    notes, store, encoder = many.old.with_name("notes"), tmp_path / "store", BigramEncoder()
    put(many.new, notes)
    largest = max(path.stat().st_size for path in many.new_store.rglob("*.*"))
    limits = [0, 100, 5_000, *(rng.randrange(largest) for _ in range(8))]
    failed = 0
    for limit in limits:
        remove(store)
        if limit % 2:
            put(many.old_store, store)
        failed += refused(builds(notes, store, limit=limit))
        with suppress(StoreMissing), open_store(store, encoder=encoder) as opened:
            reads_right(opened, in_notes(texts(many.old), texts(many.new)), QUESTIONS[:2])
        build(notes, store, encoder=encoder)
        assert state(store) == many.new_state, limit
        assert searches(store, encoder) == many.new_found, limit
    assert failed > 5


def refused(answer: dict[str, Any]) -> bool:
    """Whether a build was refused, which it has to say in our own words."""
    if "error" not in answer:
        return False
    assert "StoreError" in answer["error"], answer
    assert "索引" in answer["message"], answer
    assert "cannot be" in answer["message"].lower(), answer
    return True


def test_the_disk_is_full(tmp_path: Path, many: Undisturbed, builds: Builds) -> None:
    disk, encoder = tmp_path / "disk", BigramEncoder()
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "kikigaki-test", str(disk)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        notes, store = many.old.with_name("notes"), disk / "store"
        put(many.new, notes)
        failed = 0
        for free in (0, 8, 40, 120, 300, 600, 1_200, 2_400):  # KiB
            remove(store)
            if free % 3 == 0:
                put(many.old_store, store)
            filler = disk / "filler"
            space = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
            filler.write_bytes(bytes(space - free * 1_024))
            failed += refused(builds(notes, store))
            filler.unlink()
            build(notes, store, encoder=encoder)
            assert state(store) == many.new_state, free
            assert searches(store, encoder) == many.new_found, free
        assert failed > 3
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


# ── damage ────────────────────────────────────────────────────────────────────────────────────


def flip(path: Path, rng: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def truncate(path: Path, rng: random.Random) -> None:
    os.truncate(path, rng.randrange(path.stat().st_size))


def zero_page(path: Path, rng: random.Random) -> None:
    content = bytearray(path.read_bytes())
    at = rng.randrange(len(content)) // 4_096 * 4_096
    content[at : at + 4_096] = bytes(len(content[at : at + 4_096]))
    path.write_bytes(content)


def delete(path: Path, rng: random.Random) -> None:
    path.unlink()


FLIPS = 2  # in each file


@pytest.mark.parametrize("logged", [False, True], ids=["closed", "with log"])
def test_each_file_may_be_damaged(
    tmp_path: Path, few: Undisturbed, rng: random.Random, logged: bool
) -> None:
    notes, store = few.old.with_name("notes"), tmp_path / "store"
    put(few.new, notes)
    base = with_log(few, tmp_path / "base") if logged else few.new_store
    names = sorted(str(path.relative_to(base)) for path in base.rglob("*") if path.is_file())
    names = [name for name in names if not logged or name.startswith(FILE_NAME)]
    assert f"{FILE_NAME}-wal" in names or not logged
    for name in names:
        sqlite = name.startswith(FILE_NAME)
        hurts = [delete]
        if (base / name).stat().st_size:
            hurts += [flip] * (FLIPS * 6 if sqlite else FLIPS) + [truncate, zero_page]
            hurts += [truncate, zero_page] * (4 if sqlite else 0)
        for hurt in hurts:
            encoder = BigramEncoder()
            put(base, store)
            hurt(store / name, rng)
            case = (name, hurt.__name__)
            # a log that is cut short is an older state, which is right for what was then
            right = in_notes(texts(few.new), *([texts(few.old)] if logged else []))
            with suppress(NotesError), open_store(store, encoder=encoder) as opened:
                quotes_right(opened, right, QUESTIONS[0])
            remarks = build(notes, store, encoder=encoder).remarks
            with open_store(store, encoder=encoder) as opened:
                quotes_right(opened, right, QUESTIONS[0])
                try:
                    opened.check()
                except StoreDamaged:  # and what was damaged is made anew from now on
                    remarks += build(notes, store, encoder=encoder).remarks
                    assert any("壊れ" in remark.ja for remark in remarks), case
            if hurt is flip and state(store) != few.new_state:  # a letter, as SQLite sees it whole
                build(notes, store, encoder=encoder, rebuild=True)
            assert state(store) == few.new_state, case
            assert searches(store, encoder) == few.new_found, case
            if name == FILE_NAME and hurt is truncate and not logged:
                assert any("壊れ" in remark.ja for remark in remarks), case


def test_a_lost_marker_is_made_again(tmp_path: Path, few: Undisturbed) -> None:
    store = put(few.new_store, tmp_path / "store")
    put(few.new, few.old.with_name("notes"))
    (store / "kikigaki-store.txt").unlink()
    assert build(few.old.with_name("notes"), store, encoder=BigramEncoder()).unchanged
    assert (store / "kikigaki-store.txt").exists()


# ── two processes ─────────────────────────────────────────────────────────────────────────────


def test_locks_of_a_killed_process_are_free_and_readers_never_wait(
    tmp_path: Path, few: Undisturbed
) -> None:
    notes, store, encoder = few.old.with_name("notes"), tmp_path / "store", BigramEncoder()
    put(few.new, notes)
    put(few.old_store, store)
    holding = (
        "import sys, time; from pathlib import Path; from index import Store;"
        f"store = Store(Path({str(store)!r}));"
        "locks = [store.writing(), store.encoding()];"
        "[lock.acquire() for lock in locks];"
        "print('held', flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holding], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        try:
            assert process.stdout.readline() == "held\n"
            with open_store(store, encoder=encoder) as reader:
                reads_right(reader, in_notes(texts(few.old)))
                assert update_notes(reader, notes, wait_seconds=0) is None
        finally:
            process.kill()
    report = build(notes, store, encoder=encoder)
    assert not report.remarks
    assert state(store) == few.new_state
    assert searches(store, encoder) == few.new_found


@pytest.mark.parametrize("first", [True, False], ids=["first build", "update"])
def test_two_builds_at_once_end_as_one(
    tmp_path: Path, few: Undisturbed, builds: Builds, first: bool
) -> None:
    notes, store, encoder = few.old.with_name("notes"), tmp_path / "store", BigramEncoder()
    put(few.new, notes)
    for _ in range(4):
        remove(store)
        if not first:
            put(few.old_store, store)
        with ThreadPoolExecutor() as pool:
            other = pool.submit(builds, notes, store)
            build(notes, store, encoder=encoder)
            assert "error" not in other.result(), other.result()
        build(notes, store, encoder=encoder)
        assert state(store) == few.new_state
        assert searches(store, encoder) == few.new_found


def test_a_follower_of_another_folder_writes_nothing_here(tmp_path: Path, few: Undisturbed) -> None:
    notes, store, encoder = few.old.with_name("notes"), tmp_path / "store", BigramEncoder()
    put(few.new, notes)
    put(few.new_store, store)
    other = write_notes(tmp_path / "other", {"犬.md": "犬は喜び庭駆けまわる。\n"})
    with Store(store, encoder=encoder) as opened:
        prepare(opened, notes)
        build(other, store, encoder=encoder, rebuild=True)
        with pytest.raises(StoreMismatch, match="別のフォルダ"):
            update_notes(opened, notes)
        with pytest.raises(StoreMismatch, match="別のフォルダ"):
            update(opened, notes, [], removed=["犬.md"])
    assert list(state(store).notes) == ["犬.md"]


# ── any sequence of changes ───────────────────────────────────────────────────────────────────

NAMES = ("a.md", "がぎ.md", unicodedata.normalize("NFD", "がぎ.md"), "部屋/b.txt", "部屋/奥/c.md")
CHANGE = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(NAMES), st.integers(0, 3)),
    st.tuples(st.just("move"), st.sampled_from(NAMES), st.sampled_from(NAMES)),
    st.tuples(st.just("delete"), st.sampled_from(NAMES), st.none()),
    st.tuples(st.just("touch"), st.sampled_from(NAMES), st.none()),
    st.tuples(st.just("spoil"), st.sampled_from(NAMES), st.none()),
    st.tuples(st.just("ignore"), st.sampled_from(["*.txt", "部屋/", "がぎ.md", ""]), st.none()),
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.lists(CHANGE, max_size=4), max_size=6), st.booleans())
def test_any_sequence_of_changes_ends_as_a_fresh_build(
    tmp_path_factory: pytest.TempPathFactory,
    passes: list[list[tuple[str, str, Any]]],
    following: bool,
) -> None:
    place, encoder = tmp_path_factory.mktemp("any"), BigramEncoder()
    notes = aged(write_notes(place / "notes", {"いつも.md": note(1_007)}))
    moment = HOUR_AGO
    build(notes, place / "store", encoder=encoder)
    with Store(place / "store", encoder=encoder) as opened:
        for changes in passes:
            for change in changes:
                moment += 1
                apply(notes, *change, moment)
            if following:
                update_notes(opened, notes)
            else:
                build(notes, place / "store", encoder=encoder)
            with opened.searcher() as index:  # what is in memory follows each change
                assert index.counts.passages == opened.counts().passages
    build(notes, place / "store", encoder=encoder)
    build(notes, place / "fresh", encoder=encoder)
    assert state(place / "store") == state(place / "fresh")
    always = QUESTIONS[:1]  # the others' notes may be there or not
    ours = searches(place / "store", encoder, always)
    assert ours == searches(place / "fresh", encoder, always)


def apply(notes: Path, kind: str, name: str, how: Any, moment: float) -> None:
    path = notes / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "write":
        path.write_text(note(3_000 + how), encoding="utf-8")
    elif kind == "spoil":
        path.write_bytes(b"\x89PNG\x00\x01\xff")
    elif kind == "ignore":
        (notes / ".kikigakiignore").write_text(name, encoding="utf-8")
    elif path.exists():
        if kind == "delete":
            path.unlink()
        elif kind == "move":
            (notes / how).parent.mkdir(parents=True, exist_ok=True)
            path.replace(notes / how)
        elif kind == "touch":
            os.utime(path, (moment, moment))
    if kind in ("write", "spoil"):
        os.utime(path, (moment, moment))
