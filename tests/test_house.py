"""The house: imports run one way, without circles; folders and files stay small enough to find."""

import ast
from pathlib import Path

from conftest import ROOT

ROOMS = ("index", "qa", "ui")  # each may import those before it
FILES = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
LONGEST, MOST = 450, 16  # lines of a file; files of a folder


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


NAMES = {name_of(path): path for path in FILES}


def imported(path: Path) -> set[str]:
    """The modules of ours that a file needs to load; not those that a function needs later."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            below = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (below & NAMES.keys()) or {node.module}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & NAMES.keys()


def test_each_room_knows_only_those_before_it() -> None:
    for path in FILES:
        room = path.relative_to(ROOT).parts[0]
        later = ROOMS[ROOMS.index(room) + 1 :]
        text = path.read_text(encoding="utf-8")
        tree = ast.walk(ast.parse(text))
        names = [getattr(node, "module", "") or "" for node in tree]
        assert not [name for name in names if name.split(".")[0] in later], path
        assert room != "index" or "qa." not in text, path  # not even as a string


def test_imports_make_no_circle() -> None:
    needs = {name: imported(path) - {name} for name, path in NAMES.items()}
    while free := [name for name, of in needs.items() if not of & needs.keys()]:
        for name in free:
            del needs[name]
    assert not needs


def test_files_and_folders_are_small() -> None:
    for path in FILES:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST, path
    folders = {path.parent for path in FILES}
    assert all(len(list(folder.glob("*.py"))) <= MOST for folder in folders)
