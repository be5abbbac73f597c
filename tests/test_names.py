"""File names as they are shown: what the eye would take for another name, or for none."""

import pytest

from index.names import visible


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("仕事/会議 (2).md", "仕事/会議 (2).md"),
        ("ガイド.txt", "ガイド.txt"),
        ("📓👨\u200d👩\u200d👧.md", "📓👨\u200d👩\u200d👧.md"),  # joiners shape an emoji
        ("葛\U000e0100城.md", "葛\U000e0100城.md"),  # which shape of a kanji is meant
        ("か\u3099.md", "か\u3099.md"),
        (".md", ".md"),
        ("cod\u202edm.exe", r"cod\u202edm.exe"),
        ("\u2067会議.md", r"\u2067会議.md"),
        ("a\u200bb.md", r"a\u200bb.md"),
        ("\u200b.md", r"\u200b.md"),
        ("\u200d.md", r"\u200d.md"),
        ("　/ .md", r"\u3000/\u0020.md"),
        ("\u3164.md", r"\u3164.md"),  # a letter without a shape
        ("会\n議.md", r"会\u000a議.md"),
        ("会\U000e0041議.md", r"会\U000e0041議.md"),
        ("会\udcff議.md", r"会\udcff議.md"),
    ],
)
def test_what_misleads_is_spelled_out_and_the_rest_stays(name: str, shown: str) -> None:
    assert visible(name) == shown
