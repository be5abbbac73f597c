"""How lines hang together: indents in columns, whatever they are typed with."""

import pytest

from index.outline import Item, hanging_below, indent, parents, read_lines, strip_bullet, tree


@pytest.mark.parametrize(
    ("line", "columns"), [("a", 0), ("  a", 2), ("\ta", 4), ("　a", 2), (" \t　a", 7), ("", 0)]
)
def test_an_indent_is_counted_in_columns(line: str, columns: int) -> None:
    assert indent(line) == columns


# Parents indented by spaces, full-width or not, and children by a tab.
MIXED = "- 引越し\n  - 落とし穴\n\t- エアコン\n\t  電気屋に頼む\n\n　- 段取り\n\t- 役所".split("\n")


def shape(items: list[Item]) -> list[object]:
    return [(item.lines[0].content, len(item.lines), shape(item.children)) for item in items]


def test_tabs_and_spaces_make_one_tree() -> None:
    assert shape(tree(read_lines(MIXED))) == [
        (
            "- 引越し",
            1,
            [
                ("- 落とし穴", 1, [("- エアコン", 2, [])]),
                ("- 段取り", 1, [("- 役所", 1, [])]),
            ],
        )
    ]
    assert parents(MIXED) == [(), (0,), (0, 1), (0, 1, 2), (), (0,), (0, 5)]
    assert [hanging_below(MIXED, at) for at in (0, 1, 2, 5)] == [7, 4, 4, 7]


@pytest.mark.parametrize(
    ("line", "bare"),
    [("- a", "a"), ("•a", "a"), ("1. a", "a"), ("(2) a", "a"), ("-a", "-a"), ("3.5倍", "3.5倍")],
)
def test_a_bullet_is_taken_off_and_nothing_else(line: str, bare: str) -> None:
    assert strip_bullet(line) == bare
