"""Reading a folder: encodings, names, and what is left out and named."""

import os
import unicodedata
from pathlib import Path

import pytest

from index.encodings import decode
from index.errors import NotesFolderError, Unreadable
from index.folder import MAX_BYTES, scan
from index.notes import read_notes

PROSE = "会議のメモ：来週までに①見積りを出す。サーバーは２台〜３台、担当は髙橋さん。\n"
SHORT = "買い物\n・牛乳\n"
KATAKANA = "テスト\nメモリ\n"


@pytest.mark.parametrize("text", [PROSE, SHORT, KATAKANA, "A plain English note.\n", "税\n"])
@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "cp932", "euc_jis_2004", "utf-16", "utf-16-le", "utf-16-be",
     "iso2022_jp"],
)  # fmt: skip
def test_text_survives_every_encoding(text: str, encoding: str) -> None:
    if encoding in ("euc_jis_2004", "cp932", "iso2022_jp"):  # as far as that encoding can spell it
        codec = {"iso2022_jp": "iso2022_jp"}.get(encoding, encoding)
        text = "".join(c for c in text if c.encode(codec, "ignore")).replace("〜", "")
    read, _ = decode(text.encode(encoding))
    assert read == text


def test_seeds_is_utf_8(seeds_note: bytes) -> None:
    assert decode(seeds_note)[1] == "utf-8"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "空のファイル"),
        (PROSE.encode()[:-2], "文字コードが壊れています"),  # cut inside a character
        (PROSE.encode().replace("来".encode(), b"\xff"), "UTF-8"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "バイナリ"),
        (os.urandom(4096).replace(b"\x00", b"\x01"), "文字コード"),
        (b"\xff\xfe\x00\xd8", "utf-16"),  # a lone surrogate
    ],
)
def test_what_is_not_text_is_named(content: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        decode(content)


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
    reasons = {item.path: item.reason for item in skipped}
    assert reasons.keys() == {
        "空.txt", "空白.md", "絵.png", "壊れ.md", "巨大.txt", "外.txt", "切れた.txt", "自分.txt",
        "輪", "管.txt",
    }  # fmt: skip
    assert "50 MB" in reasons["巨大.txt"]
    assert "フォルダの外" in reasons["外.txt"]


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


def test_half_width_katakana_alone_are_text() -> None:
    assert decode("ﾊﾝｶｸ ｶﾀｶﾅ ﾉ ﾒﾓ\n".encode("cp932")) == ("ﾊﾝｶｸ ｶﾀｶﾅ ﾉ ﾒﾓ\n", "cp932")


@pytest.fixture
def seeds_note() -> bytes:
    return next((Path(__file__).parent.parent / "seeds").glob("*.txt")).read_bytes()
