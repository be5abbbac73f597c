"""Reading a folder of notes: which files are notes, in what encoding, and what was left out.

    scan(folder)       ▶ Listing(files, skipped)   names, sizes and times only; nothing is opened
    read_note(folder, file) ▶ Note                 bytes → text, or Unreadable with the reason
    read_notes(folder) ▶ (notes, skipped)          both in one go, for scripts

Nothing here ever writes to the notes folder.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from index.errors import NotesFolderError

SUFFIXES = frozenset({".txt", ".text", ".md", ".markdown"})
MAX_BYTES = 50_000_000  # a note anyone wrote by hand is far smaller; a log or a dump is not a note
READABLE_SHARE = 0.9  # of the characters; the seeds note and JaQuAD's texts are all above 0.97
BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),  # the codec reads and drops the mark itself
    (b"\xfe\xff", "utf-16"),
)


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
    reason: str
    lasting: bool = True  # false: the system refused just now; what was read before stays valid


@dataclass(frozen=True, slots=True)
class Listing:
    """What a folder holds now; both parts sorted by path."""

    files: tuple[NoteFile, ...]
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True, slots=True)
class Note:
    r"""One note as text. Lines are counted from 1 and end at \n; \r\n and \r were made \n."""

    path: str
    title: str
    text: str
    encoding: str
    sha256: str  # of the file's bytes

    @property
    def lines(self) -> list[str]:
        """The note's lines without their ends; line n is lines[n - 1]."""
        return self.text.split("\n")


class Unreadable(Exception):
    """Raised when one file is no note; its message is the reason shown to the reader.

    Attributes:
        lasting: false when the system refused to read it, which says nothing of its content.
    """

    def __init__(self, reason: str, *, lasting: bool = True) -> None:
        super().__init__(reason)
        self.lasting = lasting


def scan(folder: Path, *, leave_out: Path | None = None) -> Listing:
    """List the notes below a folder without opening any.

    Hidden files and folders are passed over in silence: they are tools' own (.git, .obsidian).
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
    for entry in _walk(root, skipped, real(leave_out) if leave_out else None):
        name = entry.relative_to(root).as_posix()
        path = unicodedata.normalize("NFC", name)
        try:
            path.encode()
        except UnicodeEncodeError:
            shown = os.fsencode(name).decode("utf-8", "backslashreplace")
            skipped.append(Skipped(shown, "ファイル名が UTF-8 ではありません (name is not UTF-8)"))
            continue
        try:
            _check_name(path, entry, root)
            info = entry.stat()
            _check_stat(info)
        except Unreadable as reason:
            skipped.append(Skipped(path, str(reason)))
            continue
        except OSError as error:
            skipped.append(Skipped(path, _os_reason(error), lasting=False))
            continue
        if path in files:  # the same name in NFC and in NFD, possible on Linux
            skipped.append(Skipped(path, "同じ名前のノートがもうあります (same name, other form)"))
            continue
        files[path] = NoteFile(path, name, info.st_size, info.st_mtime_ns)
    ordered = tuple(files[path] for path in sorted(files))
    return Listing(ordered, tuple(sorted(skipped, key=lambda item: item.path)))


def check_folder(folder: Path) -> Path:
    """The notes folder as an absolute path without links.

    Raises:
        NotesFolderError: it is missing, not a folder, cannot be listed, or has a name not in UTF-8.
    """
    try:
        with os.scandir(folder):
            pass
        found = real(folder)
        str(found).encode()
    except FileNotFoundError as error:
        raise NotesFolderError(
            f"ノートのフォルダがありません: {folder}\n"
            f"(No such notes folder. Name one with --notes DIR or KIKIGAKI_NOTES.)"
        ) from error
    except NotADirectoryError as error:
        raise NotesFolderError(
            f"フォルダではなくファイルです: {folder}\n(That is a file; --notes takes a folder.)"
        ) from error
    except OSError as error:
        raise NotesFolderError(
            f"ノートのフォルダを開けません: {folder}: {error.strerror}\n"
            f"(The notes folder cannot be listed; check its name and permissions.)"
        ) from error
    except UnicodeEncodeError as error:
        shown = os.fsencode(folder).decode("utf-8", "backslashreplace")
        raise NotesFolderError(
            f"フォルダの名前が UTF-8 ではありません: {shown}\n(The folder's name is not UTF-8.)"
        ) from error
    return found


def real(path: Path) -> Path:
    """A path made absolute and rid of links, as far as it exists; unlike resolve, never raises."""
    return Path(os.path.realpath(path))


def read_note(folder: Path, file: NoteFile) -> Note:
    """Read one file whole and decode it.

    Raises:
        Unreadable: it is empty, binary, of unknown encoding, or the system refuses to read it.
    """
    try:
        with (folder / file.name).open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)  # it may have grown since it was listed
    except OSError as error:
        raise Unreadable(_os_reason(error), lasting=False) from error
    if len(content) > MAX_BYTES:
        raise Unreadable(_too_large())
    text, encoding = decode(content)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise Unreadable("空のファイル (empty)")
    return Note(
        path=file.path,
        title=PurePosixPath(file.path).stem,
        text=text,
        encoding=encoding,
        sha256=hashlib.sha256(content).hexdigest(),
    )


def read_notes(folder: Path) -> tuple[list[Note], list[Skipped]]:
    """Every note below a folder, in order of path, and what was not read.

    Raises:
        NotesFolderError: the folder is missing, not a folder, or cannot be listed.
    """
    listing = scan(folder)
    notes: list[Note] = []
    skipped = list(listing.skipped)
    for file in listing.files:
        try:
            notes.append(read_note(folder, file))
        except Unreadable as reason:
            skipped.append(Skipped(file.path, str(reason)))
    return notes, skipped


def decode(content: bytes) -> tuple[str, str]:
    """Text and the encoding it was written in.

    A byte order mark decides; else UTF-8, ISO-2022-JP, UTF-16 without a mark, and then whichever
    of CP932 (Windows Shift_JIS) and EUC-JP gives the more Japanese text: most bytes of the one
    are legal in the other, so being legal is no proof.

    Raises:
        Unreadable: empty, binary, or not whole in any of them.
    """
    if not content:
        raise Unreadable("空のファイル (empty)")
    for mark, encoding in BOMS:
        if content.startswith(mark):
            return _strict(content, encoding), encoding
    if b"\x00" in content:
        return _utf16_without_mark(content)
    if re.search(rb"\x1b\$[@B]", content) and max(content) < 0x80:
        return _strict(content, "iso2022_jp_ext"), "iso-2022-jp"
    try:
        return content.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as error:
        if _is_damaged_utf8(content):
            raise Unreadable(
                f"文字コードが壊れています: UTF-8 の {error.start} バイト目 "
                f"(broken UTF-8 at byte {error.start})"
            ) from error
    return _cp932_or_euc_jp(content)


def readable_share(text: str) -> float:
    """Share of characters that Japanese prose is made of, 0 to 1; the rest hints at mojibake.

    Kana, ASCII, full-width forms and the kanji of JIS level 1 count as readable. Rare kanji,
    half-width katakana and control characters count as not: CP932 read as EUC-JP, or the
    reverse, is full of them.
    """
    return sum(map(_is_common, text)) / len(text) if text else 0.0


def _cp932_or_euc_jp(content: bytes) -> tuple[str, str]:
    """The reading that is more Japanese; euc_jis_2004 has the ① that plain euc_jp lacks."""
    readings = []
    for encoding, codec in (("cp932", "cp932"), ("euc-jp", "euc_jp"), ("euc-jp", "euc_jis_2004")):
        with suppress(UnicodeDecodeError):
            text = content.decode(codec)
            readings.append((readable_share(text), text, encoding))
    if len(readings) == 1:  # nothing to mistake it for, so half-width kana are what they seem
        _, text, encoding = readings[0]
        readings = [(readable_share(unicodedata.normalize("NFKC", text)), text, encoding)]
    share, text, encoding = max(readings, default=(0.0, "", ""), key=lambda reading: reading[0])
    if share < READABLE_SHARE:
        raise Unreadable("文字コードが分かりません (unknown encoding, or a binary file)")
    return text, encoding


def _is_common(char: str) -> bool:
    if char in "\n\r\t\f" or " " <= char <= "~":
        return True
    if "\u3000" <= char <= "\u30ff" or "\uff01" <= char <= "\uff5e" or "\u2010" <= char <= "\u27bf":
        return True
    try:
        lead = char.encode("euc_jp")[0]
    except UnicodeEncodeError:
        return False
    return 0xA1 <= lead <= 0xCF  # rows 1-47 of JIS X 0208: signs, kana and the common kanji


def _is_damaged_utf8(content: bytes) -> bool:
    """Whether the bytes are UTF-8 but for a few: other encodings rarely form whole characters."""
    decoded = content.decode("utf-8", "replace")
    broken = decoded.count("\ufffd")
    whole = sum(char > "\x7f" for char in decoded) - broken
    return whole > 4 * broken


def _utf16_without_mark(content: bytes) -> tuple[str, str]:
    """UTF-16 by trying both byte orders; anything else that holds NUL bytes is binary."""
    for encoding in ("utf-16-le", "utf-16-be"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text and readable_share(text) >= READABLE_SHARE:
            return text, encoding
    raise Unreadable("バイナリファイル (binary)")


def _strict(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise Unreadable(
            f"文字コードが壊れています: {encoding} の {error.start} バイト目 "
            f"(broken {encoding} at byte {error.start})"
        ) from error


def _walk(root: Path, skipped: list[Skipped], leave_out: Path | None) -> Iterator[Path]:
    """Every visible file below root; folders that cannot be listed are named, with a slash."""
    folders = [root]  # not by recursion: folders may be nested deeper than Python calls
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as listed:
                entries = list(listed)
        except OSError as error:
            name = unicodedata.normalize("NFC", folder.relative_to(root).as_posix()) + "/"
            skipped.append(Skipped(name, _os_reason(error), lasting=False))
            continue
        for entry in entries:
            path = folder / entry.name
            if entry.name.startswith(".") or path == leave_out:
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(path)
            else:
                yield path


def _check_name(path: str, entry: Path, root: Path) -> None:
    suffix = PurePosixPath(path).suffix.lower()
    if entry.is_symlink():
        target = Path(os.path.realpath(entry))
        if not target.is_relative_to(root):
            raise Unreadable("フォルダの外へのリンク (link out of the folder)")
        if target.is_dir():
            raise Unreadable("フォルダへのリンク (link to a folder)")
    if suffix not in SUFFIXES:
        raise Unreadable(f"対応していない形式 {suffix or '(拡張子なし)'} (format not read)")


def _check_stat(info: os.stat_result) -> None:
    if not stat.S_ISREG(info.st_mode):
        raise Unreadable("普通のファイルではありません (not a regular file)")
    if info.st_size == 0:
        raise Unreadable("空のファイル (empty)")
    if info.st_size > MAX_BYTES:
        raise Unreadable(_too_large())


def _too_large() -> str:
    return f"大きすぎます: {MAX_BYTES // 1_000_000} MB まで (larger than that)"


def _os_reason(error: OSError) -> str:
    return f"読めません: {error.strerror or error} (cannot be read)"
