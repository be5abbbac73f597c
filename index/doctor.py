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
from index.messages import NOTHING, Said, joined, said, same
from index.notes import read_note
from index.storage.private import is_open_to_others
from index.storage.store import Store
from index.terminal import named

MEND, MEND_ALL = same("python -m index"), same("python -m index --rebuild")
NAMED = 3  # places named for each finding


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: Said
    well: bool
    said: Said  # what was found, for the reader
    mend: Said = NOTHING  # what to do about it, if anything


def examine(store: Store) -> Iterator[Finding]:
    """Look at everything, one finding after the other; reads all notes."""
    try:
        store.check()
        yield Finding(same("SQLite"), True, said("whole"))
    except StoreDamaged as error:
        yield Finding(same("SQLite"), False, error.said, MEND)
        return
    yield from _meaning(store)
    yield _leftovers(store)
    yield _rights(store.folder)
    yield _sources(store)


def _meaning(store: Store) -> Iterator[Finding]:
    counts = store.counts()
    missing = counts.passages - counts.encoded
    if missing:
        yield Finding(said("doctor_meaning"), False, said("without_vector", count=missing), MEND)


def _leftovers(store: Store) -> Finding:
    """Vectors and files that nothing refers to."""
    files = sorted([*store.folder.glob("*.damaged-*"), *store.folder.glob("*.older-*")])
    parts = [said("unused_vectors", count=store.unused_vectors())]
    parts += [same(f"{path.name} ({path.stat().st_size:,} B)") for path in files]
    mend = said("delete_unneeded") if files else NOTHING
    return Finding(said("doctor_leftovers"), not files, joined(parts, " · "), mend)


def _rights(folder: Path) -> Finding:
    opened = [path.name for path in (folder, *folder.rglob("*")) if is_open_to_others(path)]
    found = said("others_can_read", names=named(opened, NAMED)) if opened else said("yours_alone")
    return Finding(said("doctor_rights"), not opened, found, MEND)


def _sources(store: Store) -> Finding:
    """Every passage against its file as it is now."""
    what = said("doctor_sources")
    folder = store.notes_folder
    if folder is None:
        return Finding(what, False, said("nothing_indexed"), MEND)
    try:
        files = {file.path: file for file in scan(folder, leave_out=store.folder).files}
    except NotesError as error:
        return Finding(what, False, error.said)
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
        return Finding(what, False, said("passages_differ", names=named(wrong, NAMED)), MEND_ALL)
    if changed or new:
        stale = named([*changed, *sorted(new)], NAMED)
        return Finding(what, False, said("changed_since", names=stale), MEND)
    return Finding(what, True, said("all_match", count=checked))
