"""Examining a store: whether it is whole, private, and its passages stand in their files.

    examine(store) ▶ Finding(what, well, said, mend) …

Nothing is mended here; each finding says what would.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from index.errors import NotesError, StoreDamaged, Unreadable
from index.folder import scan
from index.notes import read_note
from index.storage.private import is_open_to_others
from index.storage.store import Store

NAMED = 3  # places named for each finding
MEND = "python -m index"
MEND_ALL = "python -m index --rebuild"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    well: bool
    said: str  # what was found, for the reader
    mend: str = ""  # what to do about it; empty when nothing need be done


def examine(store: Store) -> Iterator[Finding]:
    """Look at everything, one finding after the other; reads all notes."""
    try:
        store.check()
        yield Finding("SQLite", True, "壊れていません (whole)")
    except StoreDamaged as error:
        yield Finding("SQLite", False, str(error).splitlines()[0], MEND)
        return
    yield from _meaning(store)
    yield _leftovers(store)
    yield _rights(store.folder)
    yield _sources(store)


def _meaning(store: Store) -> Iterator[Finding]:
    counts = store.counts()
    missing = counts.passages - counts.encoded
    if missing:
        said = f"ベクトルのない箇所 {missing:,} (without vector: found by words only)"
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
    opened = [path.name for path in (folder, *folder.rglob("*")) if is_open_to_others(path)]
    others = f"ほかの人も読める (others can read): {_named(opened)}"
    said = others if opened else "自分だけ (yours alone)"
    return Finding("権限 (rights)", not opened, said, MEND)


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
    known = store.known_files()
    notes = {path: file for path, file in known.items() if not file.reason}
    wrong: list[str] = []
    changed: list[str] = []
    checked = 0
    with store.searcher() as searcher:
        for path, before in notes.items():
            try:
                note = read_note(folder, files[path]) if path in files else None
            except Unreadable:
                note = None
            if note is None or note.sha256 != before.sha256:
                changed.append(path)
                continue
            for passage in searcher.passages_of(path):
                checked += 1
                if note.text[passage.start : passage.start + len(passage.text)] != passage.text:
                    wrong.append(f"{path}:{passage.start_line}")
    new = files.keys() - known.keys()
    if wrong:
        return Finding(what, False, f"合わない箇所 (differ): {_named(wrong)}", MEND_ALL)
    if changed or new:
        stale = _named([*changed, *sorted(new)])
        return Finding(what, False, f"索引のあとで変わった (changed since): {stale}", MEND)
    return Finding(what, True, f"{checked:,} 箇所がすべて一致 (every passage is in its file)")


def _named(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" … ({len(names):,})" if len(names) > NAMED else "")
