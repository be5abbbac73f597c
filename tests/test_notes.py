"""Reading a folder: names, and what is left out and named."""

import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from index.errors import NotesFolderError
from index.folder import MAX_BYTES, scan
from index.notes import read_notes


def test_skipped_files_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    (tmp_path / "良い.txt").write_text("読めるノート", encoding="cp932")
    (tmp_path / "空.txt").touch()
    (tmp_path / "空白.md").write_text(" \n\n")
    (tmp_path / "絵.png").write_bytes(b"\x89PNG")
    (tmp_path / "壊れ.md").write_bytes("壊れたノート".encode()[:-1])
    with (tmp_path / "巨大.txt").open("wb") as stream:
        stream.truncate(MAX_BYTES + 1)
    outside = tmp_path.parent / "外.txt"
    outside.write_text("外のノート")
    (tmp_path / "外.txt").symlink_to(outside)
    (tmp_path / "切れた.txt").symlink_to(tmp_path / "ない.txt")
    (tmp_path / "自分.txt").symlink_to(tmp_path / "自分.txt")
    (tmp_path / "輪").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "隠し.txt").write_text("隠れたノート")
    os.mkfifo(tmp_path / "管.txt")
    notes, skipped = read_notes(tmp_path)
    assert [(note.path, note.text, note.encoding) for note in notes] == [
        ("良い.txt", "読めるノート", "cp932")
    ]
    reasons = {item.path: str(item.reason) for item in skipped}
    assert reasons.keys() == {
        "空.txt", "空白.md", "絵.png", "壊れ.md", "巨大.txt", "外.txt", "切れた.txt", "自分.txt",
        "輪", "管.txt",
    }  # fmt: skip
    assert "50 MB" in reasons["巨大.txt"]
    assert "フォルダの外" in reasons["外.txt"]


def test_names_that_are_no_utf8_are_named_wherever_they_stand(tmp_path: Path) -> None:
    inside = os.fsencode(tmp_path) + b"/\xff\xfe"
    os.mkdir(inside)  # noqa: PTH102 - Path takes no bytes
    for name in (b"/\xff.md", b"/a.md", b"/.kikigakiignore"):
        Path(os.fsdecode(inside + name)).write_bytes(b"\xff")
    listing = scan(tmp_path)
    assert listing.files == ()
    named = {item.path: str(item.reason) for item in listing.skipped}
    assert set(named) == {r"\xff\xfe/\xff.md", r"\xff\xfe/a.md", r"\xff\xfe/.kikigakiignore"}
    assert "UTF-8" in named[r"\xff\xfe/a.md"]
    assert all(path.encode() for path in named)


def fifo(path: Path, outside: Path) -> None:
    os.mkfifo(path)


def endless(path: Path, outside: Path) -> None:
    path.symlink_to("/dev/zero")


def link_out(path: Path, outside: Path) -> None:
    outside.write_text("*.md\n")
    path.symlink_to(outside)


def long_list(path: Path, outside: Path) -> None:
    path.write_text("*.md\n" * 20_000)


def no_pattern(path: Path, outside: Path) -> None:
    path.write_text("[z-a].md\n!\n*.txt\n")


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("put", "reason"),
    [
        (fifo, "普通のファイルではありません"),
        (endless, "フォルダの外"),
        (link_out, "フォルダの外"),
        (long_list, "50 KB"),
        (no_pattern, "使えない行"),
    ],
)
def test_an_ignore_file_that_could_stop_everything_is_passed_over(
    tmp_path: Path, put: Callable[[Path, Path], None], reason: str
) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / f"{'a' * 200}.md").write_text("ノート")
    (notes / "除く.txt").write_text("除かれるとは限らない")
    put(notes / ".kikigakiignore", tmp_path / "外")
    listing = scan(notes)
    left_out = put is no_pattern  # its other lines hold
    assert [file.path for file in listing.files] == [f"{'a' * 200}.md", "除く.txt"][: 2 - left_out]
    assert {item.path: reason in str(item.reason) for item in listing.skipped} == {
        ".kikigakiignore": True
    }


@pytest.mark.timeout(20)
@pytest.mark.parametrize("pattern", ["*a" * 20 + "*b", "**/a/" * 20 + "b", "?*" * 40 + "b"])
def test_no_pattern_of_an_ignore_file_takes_long(tmp_path: Path, pattern: str) -> None:
    deep = tmp_path.joinpath(*["a"] * 200)
    deep.mkdir(parents=True)
    for name in ("a.md", f"{'a' * 200}.md"):
        (deep / name).write_text("ノート")
    (tmp_path / ".kikigakiignore").write_text(f"{pattern}\n")
    listing = scan(tmp_path)
    assert (len(listing.files), listing.skipped) == (2, ())


def test_nfd_names_are_cited_as_nfc_and_still_open(tmp_path: Path) -> None:
    nfd = unicodedata.normalize("NFD", "ガイド.txt")
    assert nfd != "ガイド.txt"
    (tmp_path / nfd).write_text("内容")
    (file,) = scan(tmp_path).files
    assert (file.path, file.name) == ("ガイド.txt", nfd)
    (note,), _ = read_notes(tmp_path)
    assert note.path == "ガイド.txt"


def test_line_ends_do_not_change_line_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("一\r\n二\r三\n四".encode())
    (note,), _ = read_notes(tmp_path)
    assert note.lines == ["一", "二", "三", "四"]


@pytest.mark.parametrize("kind", ["missing", "file", "loop", "long name", "not UTF-8"])
def test_no_folder_is_said_in_both_languages(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "ノート"
    if kind == "file":
        place.touch()
    elif kind == "loop":
        place.symlink_to(place)
    elif kind == "long name":
        place = tmp_path / ("長" * 5_000)
    elif kind == "not UTF-8":
        place = Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff"))
        place.mkdir()
    with pytest.raises(NotesFolderError, match=r"フォルダ[\s\S]*\(.*folder"):
        scan(place)


def test_folders_may_be_nested_deeper_than_python_calls(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1_100):  # step by step: the whole path is too long to name at once
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    (tmp_path / "浅い.txt").write_text("浅い")
    try:
        assert [file.path for file in scan(tmp_path).files] == ["浅い.txt"]
    finally:  # pytest itself could not delete it
        while (tmp_path / "d" / "d").exists():
            (tmp_path / "d" / "d").rename(tmp_path / "e")
            (tmp_path / "d").rmdir()
            (tmp_path / "e").rename(tmp_path / "d")
