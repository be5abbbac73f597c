"""Listing a notes folder: which files may be notes, and what is left out and why.

    scan(folder) ▶ Listing(files, skipped)   names, sizes and times only; no note is opened
    read_bytes(folder, name) ▶ bytes         the one way in which a file of the folder is opened

Nothing here ever writes to the notes folder.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from index.errors import NotesFolderError, Unreadable
from index.formats.documents import DOCUMENTS
from index.messages import Said, said

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

IGNORE_FILE = ".kikigakiignore"  # in any folder; patterns as in .gitignore
# What editors and downloads leave for a moment: not named, as it is gone at the next look.
TEMPORARY = re.compile(
    r"~\$.*|.*~|#.*#|4913|.*\.(?:tmp|temp|swp|swo|part|partial|crdownload)", re.I
)
TEXTS = frozenset({".txt", ".text", ".md", ".markdown", ".org", ".csv", ".tsv"})
SUFFIXES = TEXTS | DOCUMENTS
# A longer list would be matched for hours against the files of a large folder.
MAX_IGNORE_BYTES = 50_000
MAX_BYTES = 50_000_000  # a note anyone wrote by hand is far smaller; a log or a dump is not a note


@dataclass(frozen=True, slots=True)
class NoteFile:
    """One candidate as the folder lists it: enough to tell whether it changed since last time."""

    path: str  # relative, "/" between parts, NFC: what citations show and the store knows it by
    name: str  # the same as the file system spells it (macOS writes NFD): what opens the file
    size: int  # bytes
    mtime_ns: int  # nanoseconds since 1970


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or folder that was not read, and why, in the reader's words."""

    path: str
    reason: Said
    lasting: bool = True  # false: the system refused just now; what was read before stays valid


@dataclass(frozen=True, slots=True)
class Listing:
    """What a folder holds now; both parts sorted by path."""

    files: tuple[NoteFile, ...]
    skipped: tuple[Skipped, ...]


def scan(folder: Path, *, leave_out: Path | None = None) -> Listing:
    """List the notes below a folder without opening any.

    Hidden files and folders are passed over in silence: they are tools' own (.git, .obsidian); so
    is what editors leave for a moment, and what a .kikigakiignore names, as .gitignore would.
    Links are not followed out of the folder, and devices and pipes are never touched.

    Args:
        folder: the notes folder.
        leave_out: a folder inside it to pass over, such as a store kept beside the notes.

    Raises:
        NotesFolderError: the folder is missing, not a folder, or cannot be listed.
    """
    root = check_folder(folder)
    files: dict[str, NoteFile] = {}
    skipped: list[Skipped] = []
    for name, entry in _walk(root, skipped, real(leave_out) if leave_out else None):
        path = name if name.isascii() else unicodedata.normalize("NFC", name)
        if not _is_utf8(path):
            skipped.append(Skipped(path, said("name_not_utf8")))
            continue
        try:
            _check_name(path, entry, root)
            info = entry.stat()
            _check_stat(info)
        except Unreadable as unreadable:
            skipped.append(Skipped(path, unreadable.reason))
            continue
        except OSError as error:
            skipped.append(Skipped(path, os_reason(error), lasting=False))
            continue
        if path in files:  # the same name in NFC and in NFD, possible on Linux
            skipped.append(Skipped(path, said("same_name")))
            continue
        files[path] = NoteFile(path, name, info.st_size, info.st_mtime_ns)
    ordered = tuple(files[path] for path in sorted(files))
    named = (replace(item, path=_in_utf8(item.path)) for item in skipped)
    return Listing(ordered, tuple(sorted(named, key=lambda item: item.path)))


def check_folder(folder: Path) -> Path:
    """The notes folder as an absolute path without links.

    Raises:
        NotesFolderError: it is missing, not a folder, cannot be listed, or has a name not in UTF-8.
    """
    try:
        with os.scandir(folder):
            pass
        found = real(folder)
    except FileNotFoundError as error:
        raise NotesFolderError(said("no_folder", folder=folder)) from error
    except NotADirectoryError as error:
        raise NotesFolderError(said("no_folder_but_file", folder=folder)) from error
    except OSError as error:
        closed = said("folder_closed", folder=folder, reason=error.strerror)
        raise NotesFolderError(closed) from error
    if not _is_utf8(str(found)):
        raise NotesFolderError(said("folder_not_utf8", folder=_in_utf8(str(found))))
    return found


def read_bytes(folder: Path, name: str, limit: int = MAX_BYTES) -> bytes:
    """A file's bytes, as far as one more than `limit`: it may have grown since it was listed.

    It may also have become something else: a pipe or a device is not waited for, and a link is
    followed only within the folder.

    Raises:
        Unreadable: it is no regular file within the folder.
        OSError: the system refuses.
    """
    place = folder / name
    if not real(place).is_relative_to(real(folder)):
        raise Unreadable(said("link_out"))
    _must_be_regular(place.stat())  # first, since opening a device can already do something
    with open(place, "rb", opener=_open_at_once) as stream:
        _must_be_regular(os.fstat(stream.fileno()))
        return stream.read(limit + 1)


def why_not(folder: Path, name: str) -> Said | None:
    """Why a new file of this name, right in the folder, would not be read; None if it would.

    The same rules that `scan` goes by, those that it applies in silence included.
    """
    suffix = Path(name).suffix.lower()
    if suffix not in SUFFIXES:
        return _not_read(suffix)
    if name.startswith("."):
        return said("hidden")
    if TEMPORARY.fullmatch(name):
        return said("temporary")
    ignored = None
    if (folder / IGNORE_FILE).exists():
        ignored = _read_ignored(folder, "", None, [])
    if ignored and ignored(name):
        return said("ignored", file=IGNORE_FILE)
    return None


def real(path: Path) -> Path:
    """A path made absolute and rid of links, as far as it exists; unlike resolve, never raises."""
    return Path(os.path.realpath(path))


class _Ignored:
    """What the ignore files of a folder and of those above it leave out."""

    def __init__(self, above: _Ignored | None, folder: str, patterns: GitIgnoreSpec) -> None:
        self.above = above
        self.folder = folder
        self.patterns = patterns

    def __call__(self, path: str) -> bool:
        """Whether a path, from the notes folder and with a slash for a folder, is left out.

        The file nearest to it decides, as with git.
        """
        here: _Ignored | None = self
        while here is not None:
            decided = here.patterns.check_file(path[len(here.folder) :]).include
            if decided is not None:
                return decided
            here = here.above
        return False


def _read_ignored(
    root: Path, below: str, above: _Ignored | None, skipped: list[Skipped]
) -> _Ignored | None:
    """The patterns of a folder's own ignore file on top of those above; named if it is no good."""
    try:
        content = read_bytes(root, below + IGNORE_FILE, MAX_IGNORE_BYTES)
        if len(content) > MAX_IGNORE_BYTES:
            raise Unreadable(too_large(MAX_IGNORE_BYTES))
        patterns, unusable = _patterns(content.decode("utf-8-sig").splitlines())
    except Exception as error:  # also what re and RE2 raise, each an error of its own
        why: object = os_reason(error) if isinstance(error, OSError) else error
        why = error.reason if isinstance(error, Unreadable) else why
        skipped.append(Skipped(below + IGNORE_FILE, said("ignore_unusable", reason=why)))
        return above
    if unusable:
        line = f"{unusable[0]!r:.80}"
        skipped.append(Skipped(below + IGNORE_FILE, said("ignore_line", line=line)))
    return _Ignored(above, below, patterns)


def _patterns(lines: list[str]) -> tuple[GitIgnoreSpec, list[str]]:
    """The patterns of an ignore file, and those lines that are none."""
    from pathspec import GitIgnoreSpec

    def compiled(some: list[str]) -> GitIgnoreSpec:
        # RE2 takes no more time than a name is long; others took 8 s for a name of 250 letters.
        return GitIgnoreSpec.from_lines(some, backend="re2")

    def is_usable(line: str) -> bool:
        try:
            compiled([line])
        except Exception:
            return False
        return True

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # A later Python may read some patterns otherwise.
        try:
            return compiled(lines), []
        except Exception:
            usable = [line for line in lines if is_usable(line)]
            return compiled(usable), [line for line in lines if line not in usable]


def _walk(
    root: Path, skipped: list[Skipped], leave_out: Path | None
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every visible file below root, with its path from there as the file system spells it.

    Folders that cannot be listed are named, with a slash. With plain strings, not Path: a question
    may wait for this, and 10,000 files took three times as long.
    """
    left_out = str(leave_out)
    # not by recursion: folders may be nested deeper than Python calls
    folders: list[tuple[str, _Ignored | None]] = [("", None)]  # Their paths end with a slash.
    while folders:
        below, ignored = folders.pop()
        try:
            with os.scandir(os.path.join(root, below)) as listed:  # noqa: PTH118
                entries = sorted(listed, key=lambda entry: entry.name)
        except OSError as error:
            skipped.append(
                Skipped(unicodedata.normalize("NFC", below), os_reason(error), lasting=False)
            )
            continue
        if any(entry.name == IGNORE_FILE for entry in entries):
            ignored = _read_ignored(root, below, ignored, skipped)
        for entry in entries:
            name = entry.name
            if name.startswith(".") or TEMPORARY.fullmatch(name) or entry.path == left_out:
                continue
            is_folder = entry.is_dir(follow_symlinks=False)
            path = f"{below}{name}/" if is_folder else below + name
            if ignored and ignored(path):
                continue
            if is_folder:
                folders.append((path, ignored))
            else:
                yield path, entry


def _check_name(path: str, entry: os.DirEntry[str], root: Path) -> None:
    if entry.is_symlink():
        target = Path(os.path.realpath(entry))
        if not target.is_relative_to(root):
            raise Unreadable(said("link_out"))
        if target.is_dir():
            raise Unreadable(said("link_to_folder"))
        if any(part.startswith(".") for part in target.relative_to(root).parts):
            raise Unreadable(said("link_to_hidden"))
    suffix = os.path.splitext(path)[1].lower()  # noqa: PTH122
    if suffix not in SUFFIXES:
        raise Unreadable(_not_read(suffix))


def _must_be_regular(info: os.stat_result) -> None:
    if not stat.S_ISREG(info.st_mode):
        raise Unreadable(said("not_regular"))


def _check_stat(info: os.stat_result) -> None:
    _must_be_regular(info)
    if info.st_size == 0:
        raise Unreadable(said("empty"))
    if info.st_size > MAX_BYTES:
        raise Unreadable(too_large())


def _not_read(suffix: str) -> Said:
    return said("format_not_read", suffix=suffix or said("no_suffix"))


def too_large(limit: int = MAX_BYTES) -> Said:
    """The reason given for a file of more than `limit` bytes."""
    shown = f"{limit // 1_000_000} MB" if limit >= 1_000_000 else f"{limit // 1_000} KB"
    return said("too_large", limit=shown)


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _in_utf8(name: str) -> str:
    r"""A name with the bytes that are no UTF-8 as \xff; any other as it is."""
    return name if _is_utf8(name) else os.fsencode(name).decode("utf-8", "backslashreplace")


def os_reason(error: OSError) -> Said:
    """What the system said when it refused."""
    return said("system_refused", reason=error.strerror or error)
