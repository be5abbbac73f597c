"""The README keeps its word: scripts run, tables name what there is, both languages agree."""

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from index.storage.store import Store

READMES = ("README.md", "README.ja.md")


def code_blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


@pytest.mark.model
def test_the_scripts_run(
    seeds_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(seeds_store.folder, tmp_path / "store")  # encoded once for all tests
    monkeypatch.setenv("KIKIGAKI_STORE", str(tmp_path / "store"))
    (script,) = code_blocks((ROOT / "README.md").read_text(encoding="utf-8"), "python")
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "仮想化集中セミナー参加メモ.txt 88 95 " in done.stdout
    assert "グランドプリンスホテル赤坂" in done.stdout


@pytest.mark.parametrize("name", READMES)
def test_what_it_names_is_there(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for path in re.findall(r"`((?:[a-z_]+/)+[a-z_0-9.]*|[a-z]+\.(?:py|txt))`", text):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"\]\(([^)]+)\)", text):
        assert (ROOT / path).exists(), path
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)`", text)) <= targets
    assert len(text.splitlines()) <= 150


@pytest.mark.parametrize("name", READMES)
def test_the_settings_table_is_complete(name: str) -> None:
    sources = [
        ROOT / "app.py",
        *(path for room in ("index", "qa", "ui") for path in (ROOT / room).rglob("*.py")),
    ]
    used = {
        setting
        for source in sources
        for setting in re.findall(
            r"environ\.get\(\"(KIKIGAKI_\w+)\"", source.read_text(encoding="utf-8")
        )
    }
    named = set(re.findall(r"\| `(KIKIGAKI_\w+)` \|", (ROOT / name).read_text(encoding="utf-8")))
    assert named == used


def test_both_languages_show_the_same_commands_and_figures() -> None:
    english, japanese = ((ROOT / name).read_text(encoding="utf-8") for name in READMES)
    assert code_blocks(english, "python") == code_blocks(japanese, "python")
    assert re.findall(r"^\| [\d.]+ \|.*$", english, flags=re.MULTILINE) == re.findall(
        r"^\| [\d.]+ \|.*$", japanese, flags=re.MULTILINE
    )
    strip = re.compile(r"#.*$", flags=re.MULTILINE)
    assert [strip.sub("", block).split() for block in code_blocks(english, "sh")] == [
        strip.sub("", block).split() for block in code_blocks(japanese, "sh")
    ]


def test_seeds_is_the_users_note() -> None:
    """Byte for byte: its SHA-256 as it came."""
    (note,) = (ROOT / "seeds").iterdir()
    assert note.name == "仮想化集中セミナー参加メモ.txt"
    assert hashlib.sha256(note.read_bytes()).hexdigest() == SEEDS_SHA256


SEEDS_SHA256 = "d1d8368d9f9c083e04ff882296d44cfed1682c5d0bfb62a27d99bf3074a7268d"
