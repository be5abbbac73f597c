"""Each sentence to the user stands once, in both languages, and is used."""

import re
import string

import pytest
from conftest import ROOT

from index.messages import FILE, Said, joined, language, packed, said, same, unpacked

ROWS = [
    line.split("\t")
    for line in FILE.read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
CODE = "\n".join(
    path.read_text(encoding="utf-8")
    for room in ("index", "qa", "ui")
    for path in (ROOT / room).rglob("*")
    if path.suffix in (".py", ".html")
) + (ROOT / "app.py").read_text(encoding="utf-8")


def facts(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_each_row_has_both_languages_with_the_same_facts() -> None:
    assert {len(row) for row in ROWS} == {3}
    keys = [key for key, _, _ in ROWS]
    assert len(set(keys)) == len(keys)
    for key, japanese, english in ROWS:
        assert facts(japanese) == facts(english), key
        assert not re.search("[ぁ-んァ-ヶ一-龠]", english), key


def test_each_is_used_and_each_that_is_used_is_there() -> None:
    keys = {key for key, _, _ in ROWS}
    made = ("stage_", "set_aside_", "colours_", "filter_", "store_")  # f"stage_{stage}"
    others = ("_ago", "_flag")
    named = set(re.findall(r'["\']([a-z0-9_]+)["\']', CODE))
    unused = {key for key in keys - named if not key.startswith(made) and not key.endswith(others)}
    assert unused == set()
    assert set(re.findall(r'said\("([a-z0-9_]+)"[,)]', CODE)) <= keys


def test_no_sentence_stands_outside() -> None:
    """Neither in both languages nor in one: 「日本語 (English)」 was how they used to."""
    for room in ("index", "qa", "ui"):
        for path in (ROOT / room).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            assert not re.findall(r'"[^"\n]*[ぁ-ん][^"\n]* \([a-z][^"\n]*\)[^"\n]*"', text), path


def test_facts_are_put_in_by_language() -> None:
    reason = said("system_refused", reason=said("empty"))
    assert reason == Said("読めません: 空のファイル", "cannot be read: empty")
    assert str(reason) == "読めません: 空のファイル (cannot be read: empty)"
    assert unpacked(packed(reason)) == reason
    assert str(same("a")) == "a"
    assert not joined([], "、")
    assert joined([same("a"), same(""), reason], "、", ", ").en == "a, cannot be read: empty"


@pytest.mark.parametrize(
    ("setting", "expected"),
    [({"LANG": "en_US.UTF-8"}, "en"), ({"LANG": "ja_JP.UTF-8"}, "ja"), ({"LANG": "C"}, "ja"),
     ({}, "ja"), ({"LANG": "en_GB", "LC_ALL": "ja_JP"}, "ja"), ({"LC_MESSAGES": "en"}, "en")],
)  # fmt: skip
def test_a_terminal_speaks_the_readers_language(
    setting: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LANG", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in setting.items():
        monkeypatch.setenv(name, value)
    assert language() == expected
    assert said("none").local == {"ja": "なし", "en": "none"}[expected]
