"""python -m benchmarks.fuzz N: reads N damaged files and tells what became of each.

Seed files of every format and encoding are made here, damaged at random, read and cut.
A file may be read or named; it may cost the child that reads documents, but never this process.
The same N and --seed damage the same files in the same way.
"""

from __future__ import annotations

import argparse
import io
import random
import re
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import docx

from index.errors import Unreadable
from index.folder import NoteFile
from index.formats.isolated import shared_reader
from index.notes import read_note
from index.splitting import split

ENCODINGS = ("utf-8", "utf-8-sig", "cp932", "euc_jp", "iso2022_jp", "utf-16", "utf-16-le", "utf-32")
INSIDE = "docx, XML"  # damaged before it is packed: packed parts are checked by their sums
BODY = "word/document.xml"
REPORT_EVERY = 1_000
TEXT = (
    "会議の記録\n\n日時：五月一日（水）十時から、第二会議室\n\n- 決定事項\n  - サーバーを二台買う\n"
    "  - 費用は40万円まで\n\n次回までに、各自の見積りを持ち寄ること。\n"
)
ORG = "#+TITLE: 記録\n* 会議\n** 決定\n- サーバーを買う\n| 品 | 値 |\n"
CSV = "日付,品名,数量\n2024/05/01,ノート,3\n2024/05/02,鉛筆,12\n"
HTML = (
    '<html><head><meta charset="{}"><title>記録</title></head><body><h1>会議</h1>'
    "<p>決定は<b>二つ</b>です。</p><ul><li>サーバー<ul><li>二台</li></ul></li></ul>"
    "<table><tr><th>品</th><th>値</th></tr><tr><td>卵</td><td>100円</td></tr></table>"
    "<pre>a\n b</pre><ruby>漢字<rt>かんじ</rt></ruby></body></html>\n"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status, 1 where something went wrong that was not named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("files", type=int, metavar="N", help="how many damaged files")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for the files that were not just named")
    options = parser.parse_args(argv)
    with TemporaryDirectory() as folder:
        return run(Tally(Path(folder), options.keep), options.files, options.seed)


def run(tally: Tally, files: int, seed: int) -> int:
    """Damage and read so many files; returns the exit status."""
    chance = random.Random(seed)
    seeds = seed_files()
    contents = [content for _, _, content in seeds]
    for number in range(files):
        name, suffix, content = seeds[number % len(seeds)]
        damaged = damage(content, contents, chance)
        tally.read(name, suffix, _packed(damaged) if name == INSIDE else damaged)
        if (number + 1) % REPORT_EVERY == 0:
            print(f"{number + 1} files", file=sys.stderr)
    tally.print()
    return 1 if tally.failures else 0


def seed_files() -> list[tuple[str, str, bytes]]:
    """(name for the report, suffix, content) of whole files: text in each encoding, documents."""
    texts = [("md", ".md", TEXT), ("txt", ".txt", TEXT), ("csv", ".csv", CSV), ("org", ".org", ORG)]
    files = [
        (name, suffix, text.encode(codec)) for name, suffix, text in texts for codec in ENCODINGS
    ]
    files += [("html", ".html", HTML.format(codec).encode(codec)) for codec in ENCODINGS]
    folder = Path(__file__).parent.parent / "tests" / "documents"
    pdfs = [path.read_bytes() for path in sorted(folder.glob("*.pdf"))]
    documents = [("docx", ".docx", _WORD), (INSIDE, ".docx", _unpacked(_WORD))]
    documents += [("pdf", ".pdf", content) for content in pdfs]
    documents.append(("pdf by hand", ".pdf", _pdf()))
    return files + documents * len(ENCODINGS)  # as many of each as of HTML


def damage(content: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """The content damaged in one to four ways."""
    for _ in range(chance.randint(1, 4)):
        content = chance.choice(DAMAGES)(content, others, chance)
    return content


Damage = Callable[[bytes, Sequence[bytes], random.Random], bytes]


def _flip_bits(content: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    flipped = bytearray(content)
    for _time in range(chance.choice((1, 3, 10, 100)) if flipped else 0):
        flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
    return bytes(flipped)


def _truncate(content: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    return content[: chance.randint(0, len(content))]


def _splice(content: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    other = chance.choice(others)
    start, end = _range(other, chance)
    at = chance.randint(0, len(content))
    return content[:at] + other[start:end] + content[at:]


def _delete(content: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    start, end = _range(content, chance)
    return content[:start] + content[end:]


def _repeat(content: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    start, end = _range(content, chance)
    times = chance.choice((2, 10, 1_000))
    part = content[start:end][: 1_000_000 // times]
    return content[:end] + part * times + content[end:]


def _randomise(content: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    start, end = _range(content, chance)
    return content[:start] + chance.randbytes(end - start) + content[end:]


def _blank(content: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    start, end = _range(content, chance)
    return content[:start] + bytes(end - start) + content[end:]


def _change_number(content: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    """A digit for another, as in a PDF's lengths and offsets."""
    digits = [at for at, byte in enumerate(content) if 0x30 <= byte <= 0x39]
    if not digits:
        return content
    at = chance.choice(digits)
    return content[:at] + chance.choice((b"0", b"9", b"-1", b"99999999")) + content[at + 1 :]


DAMAGES: tuple[Damage, ...] = (
    _flip_bits, _truncate, _splice, _delete, _repeat, _randomise, _blank, _change_number,
)  # fmt: skip


def _range(content: bytes, chance: random.Random) -> tuple[int, int]:
    start = chance.randint(0, len(content))
    return start, min(len(content), start + int(chance.expovariate(8 / (len(content) + 1))) + 1)


def _word() -> bytes:
    document = docx.Document()
    document.add_heading("会議", 0)
    for line in TEXT.split("\n"):
        document.add_paragraph(line, style="List Bullet" if line.startswith("-") else None)
    table = document.add_table(2, 2)
    table.cell(1, 1).text = "100円"
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def _unpacked(word: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(word)) as parts:
        return parts.read(BODY)


def _packed(body: bytes) -> bytes:
    """A Word document with this body."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(_WORD)) as whole, zipfile.ZipFile(stream, "w") as parts:
        for name in whole.namelist():
            parts.writestr(name, body if name == BODY else whole.read(name))
    return stream.getvalue()


def _pdf() -> bytes:
    """A page in a font that it does not embed, so that the reader's own tables are at work."""
    text = "会議の決定".encode("utf-16-be").hex().encode()
    return (
        b"%%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 6 0 R"
        b"/Resources<</Font<</F1 4 0 R>>>>>>endobj\n"
        b"4 0 obj<</Type/Font/Subtype/Type0/BaseFont/HeiseiMin-W3/Encoding/UniJIS-UTF16-H"
        b"/DescendantFonts[5 0 R]>>endobj\n"
        b"5 0 obj<</Type/Font/Subtype/CIDFontType0/BaseFont/HeiseiMin-W3/CIDSystemInfo"
        b"<</Registry(Adobe)/Ordering(Japan1)/Supplement 2>>>>endobj\n"
        b"6 0 obj<</Length %d>>stream\nBT /F1 12 Tf 50 700 Td <%s> Tj ET\nendstream endobj\n"
        b"trailer<</Root 1 0 R>>\n%%%%EOF\n" % (len(text) + 34, text)
    )


_WORD = _word()


class Tally:
    """What became of the files, by format."""

    def __init__(self, folder: Path, keep: Path | None = None) -> None:
        self.files: Counter[str] = Counter()
        self.read_whole: Counter[str] = Counter()
        self.named: Counter[tuple[str, str]] = Counter()
        self.slowest: dict[str, float] = {}
        self.failures: list[str] = []
        self.children: set[int] = set()
        self.child_peak = 0.0  # MB
        self._reader = shared_reader
        self._folder = folder
        self._keep = keep

    def read(self, name: str, suffix: str, content: bytes) -> None:
        """Read one file and note what came of it."""
        self.files[name] += 1
        begun = time.perf_counter()
        try:
            read(self._folder, suffix, content)
            self.read_whole[name] += 1
        except Unreadable as reason:
            self.named[name, _kind(str(reason))] += 1
            if "crashed" in str(reason) or "took longer" in str(reason) or "memory" in str(reason):
                self._keep_file(name, suffix, content)
        except Exception as error:  # what this program is looking for
            self.failures.append(f"{name}: {error!r}")
            self._keep_file(name, suffix, content)
        self.slowest[name] = max(self.slowest.get(name, 0.0), time.perf_counter() - begun)
        if pid := self._reader.pid:
            self.children.add(pid)
            self.child_peak = max(self.child_peak, _peak_memory(pid))

    def print(self) -> None:
        """The report, as Markdown; what was not foreseen comes first."""
        self._reader.close()
        print(f"{len(self.failures)} failures that nobody named", *self.failures[:20], sep="\n- ")
        print(f"\n{len(self.children)} children were used; peak memory of a child "
              f"{self.child_peak:.0f} MB, of this process {_peak_memory():.0f} MB\n")  # fmt: skip
        print("| format | files | read | named | crashed | too slow | memory | slowest, s |")
        print("|---|---|---|---|---|---|---|---|")
        for name, files in self.files.items():
            reasons = {reason: n for (of, reason), n in self.named.items() if of == name}
            lost = [
                sum(n for reason, n in reasons.items() if sign in reason)
                for sign in ("crashed", "took longer", "memory")
            ]
            print(f"| {name} | {files} | {self.read_whole[name]} | {sum(reasons.values())} "
                  f"| {lost[0]} | {lost[1]} | {lost[2]} | {self.slowest[name]:.2f} |")  # fmt: skip
        print("\n| format | reason | files |\n|---|---|---|")
        for (name, reason), n in sorted(
            self.named.items(), key=lambda item: (item[0][0], -item[1])
        ):
            print(f"| {name} | {reason} | {n} |")

    def _keep_file(self, name: str, suffix: str, content: bytes) -> None:
        if self._keep:
            self._keep.mkdir(parents=True, exist_ok=True)
            (
                self._keep / f"{sum(self.files.values())}-{name.replace(' ', '-')}{suffix}"
            ).write_bytes(content)


def read(folder: Path, suffix: str, content: bytes) -> None:
    """Read a file as a build would, cut it, and see that no line of it is lost.

    Raises:
        Unreadable: it is no note.
    """
    path = folder / f"会議{suffix}"
    path.write_bytes(content)
    note = read_note(folder, NoteFile(path.name, path.name, len(content), 0))
    passages = split(note)
    covered = {line for cut in passages for line in range(cut.start_line, cut.end_line + 1)}
    for number, line in enumerate(note.lines, start=1):
        if line.strip() and number not in covered:
            raise ValueError(f"line {number} is in no passage")
    for cut in passages:
        if note.text[cut.start : cut.start + len(cut.text)] != cut.text:
            raise ValueError(f"line {cut.start_line} is cut wrong")


def _kind(reason: str) -> str:
    """A reason without its numbers."""
    return re.sub(r"(?<=[ ,])\d+|^\d+", "N", reason)


def _peak_memory(pid: int | str = "self") -> float:
    """The most memory a process has held, in MB; 0 where the system does not say."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0.0
    return next(
        (int(line.split()[1]) / 1_000 for line in status.splitlines() if line.startswith("VmHWM")),
        0.0,
    )


if __name__ == "__main__":
    sys.exit(main())
