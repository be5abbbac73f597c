"""Examining a store: whether it is whole, its passages stand in their files, answers stay offline.

    examine(store) ▶ Finding(what, well, said, mend) …

Nothing is mended here; each finding says what would.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from index.errors import NotesError, StoreDamaged, Unreadable
from index.folder import scan
from index.notes import read_note
from index.store import Store

NAMED = 3  # places named for each finding
ANSWER_SECONDS = 600.0  # for one answer from cold on a slow machine
MEND = "python -m index"
MEND_ALL = "python -m index --rebuild"

# Answers one question as a person would, with every way to the network that Python has refused and
# told of. Run by name in a process of its own: the index does not import what asks it.
WATCHED = """
import runpy, socket, sys
def refuse(event, arguments):
    if not event.startswith("socket.") or event in ALLOWED:
        return
    if event == "socket.connect" and arguments[0].family == getattr(socket, "AF_UNIX", None):
        return
    sys.stderr.write(f"NETWORK {event} {arguments[1:]}\\n")
    raise OSError("no network while the doctor looks on")
ALLOWED = {"socket.__new__", "socket.gethostname"}
sys.addaudithook(refuse)
sys.argv = ["qa", *sys.argv[1:]]
runpy.run_module("qa", run_name="__main__", alter_sys=True)
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    well: bool
    said: str  # what was found, for the reader
    mend: str = ""  # what to do about it; empty when nothing need be done


def examine(store: Store) -> Iterator[Finding]:
    """Look at everything, one finding after the other; reads all notes and answers a question."""
    try:
        store.check()
        yield Finding("SQLite", True, "壊れていません (whole, by SQLite's checks and ours)")
    except StoreDamaged as error:
        yield Finding("SQLite", False, str(error).splitlines()[0], MEND)
        return
    yield from _copies(store)
    yield _leftovers(store)
    yield _rights(store.folder)
    yield _sources(store)
    yield _offline(store)


def _copies(store: Store) -> Iterator[Finding]:
    for name, count in store.copies_differ().items():
        said = f"{count:,} 箇所が合いません (passages too many or too few)"
        yield Finding(name, not count, said if count else "SQLite と同じ (as SQLite)", MEND_ALL)
    counts = store.counts()
    missing = counts.passages - counts.encoded
    if missing:
        said = (
            f"新しいモデルのベクトルのない箇所 {missing:,} (not encoded by the new model yet)"
            if store.former_name
            else f"ベクトルのない箇所 {missing:,} (without vector: found by words only)"
        )
        yield Finding("意味検索 (vectors)", False, said, MEND)


def _leftovers(store: Store) -> Finding:
    """Vectors and files that nothing refers to."""
    unused = store.unused_vectors()
    files = sorted([*store.folder.glob("*.damaged-*"), *store.folder.glob("*.new")])
    parts = [f"使われないベクトル {unused:,} (unused vectors, kept for notes that come back)"]
    parts += [f"{path.name} ({path.stat().st_size:,} B)" for path in files]
    mend = "要らなければ消してください (delete what you do not need)" if files else ""
    return Finding("残りもの (leftovers)", not files, " · ".join(parts), mend)


def _rights(folder: Path) -> Finding:
    mode = folder.stat().st_mode & 0o777
    well = sys.platform == "win32" or not mode & 0o077
    return Finding("フォルダの権限 (rights)", well, f"{mode:04o}", f"chmod 700 {folder}")


def _sources(store: Store) -> Finding:
    """Every passage against its file as it is now."""
    what = "ノートとの照合 (passages against files)"
    folder = store.notes_folder
    if folder is None:
        return Finding(what, False, "まだ索引がありません (nothing indexed)", MEND)
    try:
        files = {file.path: file for file in scan(folder, leave_out=store.folder).files}
    except NotesError as error:
        return Finding(what, False, str(error).splitlines()[0])
    known = store.known_notes()
    wrong: list[str] = []
    changed: list[str] = []
    checked = 0
    for path, before in known.items():
        try:
            note = read_note(folder, files[path]) if path in files else None
        except Unreadable:
            note = None
        if note is None or note.sha256 != before.sha256:
            changed.append(path)
            continue
        for passage in store.passages_of(path):
            checked += 1
            if note.text[passage.start : passage.start + len(passage.text)] != passage.text:
                wrong.append(f"{path}:{passage.start_line}")
    new = files.keys() - known.keys() - store.known_unreadable().keys()
    if wrong:
        return Finding(what, False, f"合わない箇所 (differ): {_named(wrong)}", MEND_ALL)
    if changed or new:
        stale = _named([*changed, *sorted(new)])
        return Finding(what, False, f"索引のあとで変わった (changed since): {stale}", MEND)
    return Finding(what, True, f"{checked:,} 箇所がすべて一致 (every passage is in its file)")


def _offline(store: Store) -> Finding:
    what = "通信 (network)"
    question = next((f"{heading[-1]}は？" for heading in store.headings(1)), "ノートには何がある？")
    try:
        done = subprocess.run(
            [sys.executable, "-c", WATCHED, question, "--json", "--notes",
             str(store.notes_folder), "--store", str(store.folder)],
            capture_output=True, text=True, encoding="utf-8", timeout=ANSWER_SECONDS, check=False,
            cwd=Path(__file__).resolve().parent.parent,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Finding(what, False, f"{ANSWER_SECONDS:.0f} 秒で答えません (no answer in time)")
    tried = [line for line in done.stderr.splitlines() if line.startswith("NETWORK")]
    if tried:
        said = f"通信しようとしました (tried): {_named(tried)}"
        return Finding(what, False, said, "KIKIGAKI_MODEL にはフォルダを (give it a folder)")
    if done.returncode or "answer" not in json.loads(done.stdout or "{}"):
        return Finding(what, False, done.stderr.strip()[-300:] or "答えがありません (no answer)")
    return Finding(
        what, True, f"「{question}」に答えるあいだ 0 件 (0 connections tried while answering)"
    )


def _named(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" … ({len(names):,})" if len(names) > NAMED else "")
