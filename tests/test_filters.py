"""Filters: only notes of a folder, name, tag or date are asked, and it is said."""

import os
import time
from pathlib import Path

import pytest
from conftest import BigramEncoder, write_notes

from index import Store, build, open_store
from index.filters import Filter
from qa import ask, retrieve

NOTES = {
    "仕事/2024-04-01.md": "---\ntags: [会議/定例, 春]\n---\n# 四月の会議\n\n- 会議の場所は大阪\n",
    "仕事/旧/20230501 会議.txt": "会議の場所は名古屋\n",
    "私用/旅行.md": "---\ndate: 2024年5月3日\ntags: 旅行\n---\n\n会議のない旅。場所は京都\n",
    "雑記.txt": "会議の場所は未定\n",
}
ALL = set(NOTES)
MEETINGS = {"仕事/2024-04-01.md", "仕事/旧/20230501 会議.txt"}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, ALL),
        ({"folder": "仕事/"}, MEETINGS),
        ({"folder": "./仕事"}, MEETINGS),
        ({"folder": "仕事\\旧"}, {"仕事/旧/20230501 会議.txt"}),
        ({"folder": "仕"}, set()),
        ({"name": "会議"}, {"仕事/旧/20230501 会議.txt"}),
        ({"name": "*.MD"}, {"仕事/2024-04-01.md", "私用/旅行.md"}),
        ({"tags": ["#会議"]}, {"仕事/2024-04-01.md"}),
        ({"tags": ["会議", "旅行"]}, set()),
        ({"since": "2024-04", "until": "2024-04"}, {"仕事/2024-04-01.md"}),
        ({"since": "2024", "until": "2024年5月3日"}, {"仕事/2024-04-01.md", "私用/旅行.md"}),
        ({"until": "20230501"}, {"仕事/旧/20230501 会議.txt"}),
        ({"since": "２０２５"}, {"雑記.txt"}),  # by the file's own time
    ],
)
def test_only_what_is_admitted_is_searched(
    tmp_path: Path, encoder: BigramEncoder, asked: dict[str, str], expected: set[str]
) -> None:
    folder = write_notes(tmp_path / "notes", NOTES)
    build(folder, tmp_path / "store", encoder=encoder)
    within = Filter.of(**asked)
    with open_store(tmp_path / "store", encoder=encoder) as store:
        assert set(paths_within(store, within)) == expected
        hits = retrieve("会議の場所は？", store, k=20, within=within)
        assert {hit.passage.path for hit in hits} == expected
        assert all(hit.meaning is not None for hit in hits)
        answer = ask("会議の場所は？", store, within=within)
        assert {citation.path for citation in answer.citations} <= expected
        if asked:
            assert within.said.ja in answer.notice
        assert answer.found == bool(expected & {hit.passage.path for hit in hits})
        assert ("合うノートがありません" in answer.notice) == (not expected)


@pytest.mark.parametrize("day", ["きのう", "2024-13", "2024-02-30", "0000", "2024-1-1-1"])
def test_what_is_no_date_is_said(day: str) -> None:
    with pytest.raises(ValueError, match=r"日付が分かりません.*not a date"):
        Filter.of(since=day)


def test_an_era_is_a_date_and_the_wrong_way_round_is_said() -> None:
    assert Filter.of(since="令和6年4月1日") == Filter.of(since="2024-04-01")
    assert Filter.of(until="令和6年4月") == Filter.of(until="2024-04-30")
    with pytest.raises(ValueError, match="逆です"):
        Filter.of(since="2025", until="2024")


def paths_within(store: Store, notes: Filter) -> list[str]:
    with store.searcher() as index:
        return index.notes_within(notes)


def test_what_may_be_named_follows_the_notes(tmp_path: Path, encoder: BigramEncoder) -> None:
    folder = write_notes(tmp_path / "notes", NOTES)
    build(folder, tmp_path / "store", encoder=encoder)
    with open_store(tmp_path / "store", encoder=encoder) as store:
        assert store.folders_and_tags() == (
            ["仕事", "仕事/旧", "私用"],
            ["会議/定例", "旅行", "春"],
        )
        old = time.mktime((2001, 2, 3, 4, 5, 6, 0, 0, -1))
        os.utime(folder / "雑記.txt", (old, old))
        build(folder, tmp_path / "store", encoder=encoder)
        assert paths_within(store, Filter.of(since="2001-02-03", until="2001-02-03")) == [
            "雑記.txt"
        ]
