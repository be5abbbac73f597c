"""No text costs more than its length: nothing that reads one takes time with its length squared.

Times are only compared with each other: a text of four times the length may take a little over four
times as long, where a quadratic pattern takes sixteen times.
"""

import ast
import importlib
import pkgutil
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import pytest
from conftest import BigramEncoder, write_notes

import index
import qa
import ui
from index import build, open_store
from index.errors import Unreadable
from index.formats.documents import extract
from index.formats.encodings import decode
from index.formats.metadata import about
from index.formats.pdf import _join
from index.notes import Note
from index.splitting import split
from index.storage.rows import searched_text
from index.storage.store import Store
from index.terminal import harmless
from index.words.markup import plain
from index.words.tokens import bigrams, normalize, tokenize
from qa import ask
from qa.answer import answer
from qa.understanding.followup import standalone
from qa.understanding.question import read_question
from ui.desk import question_about
from ui.export import file_name, markdown
from ui.html import safe
from ui.note_page import note_page
from ui.render import Turn, messages
from ui.turns import read_talk, record

SHORT, LONG = 2_000, 8_000  # characters
LINEAR = 9.0  # times as long, for four times the length: between 4 and 16, and far from both
AT_ONCE = 0.01  # seconds: a quadratic pattern takes several times that for LONG characters
SIGNS = " 　\n\t\r0aAあアー漢、。.:/#*`|[](){=-_<>&!?~+\"'《［｜「@\\•・1ﷺｱ\u200b\u3099👨\x00\x1b"
RUNS = [
    *SIGNS,
    *(f"{sign}\n" for sign in " 　-#*=|~`・ー[>"),
    *("a\n\n", "- a\n", "- a\n  ", "\t- a\n", "# a\n", "a: \n", "| a |\n", "|-|\n", '"a,', '","'),
    *("```a\n", "#+begin_a\n", ":a:\n", "= a", "#a ", "\u0301\u0323", "* a :a: "),
    *"[[ [[a ]( [a]( a:// http://a/ ［＃ ｜漢《 漢《あ》 :a: a- 1. 2024- 1月 あ。 か。".split(),
]
ENDS = ("", "x", "?")


def grows_too_fast(read: Callable[[str], object], unit: str, end: str = "") -> bool:
    """Whether reading a long run takes far more than its share over a short one."""

    def seconds(length: int) -> float:
        text = unit * (length // len(unit)) + end
        started = time.perf_counter()
        with suppress(Unreadable):  # said of binaries, and as fast as any answer
            read(text)
        return time.perf_counter() - started

    def suspicious() -> bool:
        return (long := seconds(LONG)) > AT_ONCE and long > LINEAR * seconds(SHORT)

    return all(suspicious() for _ in range(4))  # a busy machine is slow, but not four times


def modules() -> Iterator[ModuleType]:
    for package in (index, qa, ui):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("__main__"):
                yield importlib.import_module(found.name)


def searched_for() -> Iterator[tuple[str, "re.Pattern[str]"]]:
    """Our patterns that are looked for anywhere in a text; `match` tries one place only."""
    anywhere = {"search", "sub", "split", "findall", "finditer"}
    for module in modules():
        source = Path(str(module.__file__)).read_text(encoding="utf-8")
        for call in ast.walk(ast.parse(source)):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
                continue
            of, where = call.func.value, f"{module.__name__}:{call.lineno}"
            if call.func.attr not in anywhere or not isinstance(of, ast.Name):
                continue
            pattern = getattr(module, of.id, None)
            if of.id == "re" and isinstance(call.args[0], ast.Constant):
                pattern = re.compile(call.args[0].value)
            if isinstance(pattern, re.Pattern) and isinstance(pattern.pattern, str):
                yield f"{where} {of.id}", pattern


BOUNDED = {  # looked for in what is short by then
    "qa.understanding.question.ENDING": "a question has its module's MAX_CHARS at most",
    "qa.understanding.followup.COPULA": "a follow-up has its module's LONGEST at most",
}


def test_no_pattern_is_quadratic() -> None:
    patterns = {pattern: name for name, pattern in searched_for()}
    for name in BOUNDED:
        module, _, constant = name.rpartition(".")
        del patterns[getattr(importlib.import_module(module), constant)]
    assert len(patterns) > 30
    for pattern, name in patterns.items():
        slow = [
            (unit, end)
            for unit in RUNS
            for end in ENDS
            if grows_too_fast(lambda text, pattern=pattern: pattern.sub("", text), unit, end)
        ]
        assert (name, slow) == (name, [])


def note(text: str, path: str = "a.md") -> Note:
    return Note(path=path, title="a", text=text, encoding="utf-8", sha256="")


READERS: dict[str, Callable[[str], object]] = {
    "decode": lambda text: decode(text.encode()),
    "about, Markdown": lambda text: about("a.md", text),
    "about, front matter": lambda text: about("a.md", f"---\n{text}\n---\n"),
    "about, Org": lambda text: about("a.org", text),
    "split, Markdown": lambda text: split(note(text)),
    "split, a heading": lambda text: split(note(f"# {text}\n\na\n\nb\n")),
    "split, Org": lambda text: split(note(text, "a.org")),
    "split, CSV": lambda text: split(note(text, "a.csv")),
    "tokenize": tokenize,
    "bigrams": bigrams,
    "normalize": normalize,
    "plain": plain,
    "searched_text": lambda text: searched_text("a", text),
    "harmless": harmless,
    "HTML": lambda text: extract(f"<p>{text}".encode(), ".html"),
    "lines of a PDF": lambda text: _join(text.split("\n")),
    "standalone": lambda text: standalone(text, ["会場はどこ？"]),
    "standalone, after it": lambda text: standalone("それはいつ？", [text]),
    "question_about": lambda text: question_about((text, text)),
    "safe": safe,
    "messages": lambda text: messages([Turn(text, error=text)]),
    "markdown": lambda text: markdown([Turn(text, error=text)]),
    "file_name": lambda text: file_name([Turn(text)]),
    "record, read_talk": lambda text: read_talk(record([Turn(text, error=text)])),
    "note_page": lambda text: note_page(note(text), "1-3", 0, changed=False),
}


@pytest.mark.parametrize("name", READERS)
def test_no_reader_of_texts_is_quadratic(name: str) -> None:
    assert [run for run in RUNS if grows_too_fast(READERS[name], run)] == []


def test_no_question_is_quadratic(store: Store) -> None:
    with store.searcher() as index:
        for read in (lambda text: read_question(text, index), lambda text: answer(text, index)):
            assert [run for run in RUNS if grows_too_fast(read, run)] == []


def test_deep_or_unclosed_structure_is_not_quadratic() -> None:
    """What a run of one sign does not show: each line opens something else."""

    def depth(mark: str, text: str) -> str:
        """As many lines as the text is long, each with one more mark; then lines below them."""
        steps = "".join(f"{mark * level} a\n" for level in range(1, int(len(text) ** 0.5)))
        return steps + "a\n\n" * (len(text) // 4)

    for mark, path in (("*", "a.org"), ("`", "a.md"), ("~", "a.md"), ("#", "a.md"), ("  ", "a.md")):
        assert not grows_too_fast(lambda text, m=mark, p=path: split(note(depth(m, text), p)), "a")


def test_an_answer_from_hostile_notes_comes(tmp_path: Path, encoder: BigramEncoder) -> None:
    texts = (f"鍵は\n{run * 3_000}鍵は管理人\n" for run in RUNS)
    hostile = {f"{number}.md": text for number, text in enumerate(texts)}
    notes = write_notes(tmp_path / "notes", {**hostile, "引越し.md": "- 鍵は管理人に返す\n"})
    build(notes, tmp_path / "store", encoder=encoder)
    with open_store(tmp_path / "store", encoder=encoder) as store:
        turn = Turn("鍵は誰に返す？", answer=ask("鍵は誰に返す？", store))
    assert turn.answer is not None
    assert "引越し.md" in markdown([turn])
    assert messages([turn])
