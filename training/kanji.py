"""python -m training.kanji MOJI_DB UNICODE: index/words/kanji.tsv, which kanji are one letter.

Rows of kind, letter, and the letters that stand for it:

- radical: the radicals of U+2E80 to U+2FDF, by Equivalent_Unified_Ideograph of the Unicode
  Character Database (Unicode License);
- variant: the letters that Japan's offices hold to be other forms of a common one: the jōyō list's
  Kangxi forms, the jinmeiyō list's, and the head forms of the family registers' letters, as IPA's
  MJ Shrink Map has them (CC BY-SA 2.1 JP).

MOJI_DB is dist/moji.db of the npm package @mandel59/mojidata; UNICODE a folder with
EquivalentUnifiedIdeograph.txt and Unihan_OtherMappings.txt, as Debian's unicode-data has them.
"""

from __future__ import annotations

import argparse
import re
import sqlite3
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

FILE = Path(__file__).resolve().parent.parent / "index" / "words" / "kanji.tsv"
HEAD = """# Which kanji are one letter; made by `python -m training.kanji`, which says from what.
# Variants: derived from the MJ Shrink Map, copyright IPA, under CC BY-SA 2.1 JP, and from Unihan.
# Radicals: Unicode Character Database, copyright Unicode, Inc., under the Unicode License.
"""
REGISTERS = "mjsm_戸籍統一文字情報_親字正字"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.kanji", description=__doc__)
    parser.add_argument("moji", type=Path)
    parser.add_argument("unicode", type=Path)
    options = parser.parse_args(argv)
    rows = [("radical", *row) for row in gathered(dict(radicals(options.unicode)))]
    rows += [("variant", *row) for row in gathered(variants(options.moji, options.unicode))]
    text = HEAD + "".join("\t".join(row) + "\n" for row in rows)
    FILE.write_text(text, encoding="utf-8")
    return 0


def gathered(meant: Mapping[str, str]) -> list[tuple[str, str]]:
    """Each letter with those that stand for it."""
    others: dict[str, list[str]] = defaultdict(list)
    for letter, common in meant.items():
        others[common].append(letter)
    return [(common, "".join(sorted(others[common]))) for common in sorted(others)]


def radicals(folder: Path) -> Iterator[tuple[str, str]]:
    """The kanji of each radical."""
    text = (folder / "EquivalentUnifiedIdeograph.txt").read_text(encoding="utf-8")
    for first, last, meant in re.findall(r"^(\w+)(?:\.\.(\w+))?\s*;\s*(\w+)", text, re.M):
        for code in range(int(first, 16), int(last or first, 16) + 1):
            if 0x2E80 <= code <= 0x2FDF:
                yield chr(code), chr(int(meant, 16))


def variants(moji: Path, folder: Path) -> dict[str, str]:
    """The common letter of each variant; none of what may be one of several."""
    db = sqlite3.connect(moji)
    listed = dict(db.execute("SELECT 康熙字典体, 漢字 FROM joyo_kangxi WHERE 康熙字典体 != 漢字"))
    unihan = (folder / "Unihan_OtherMappings.txt").read_text(encoding="utf-8")
    for old, new in re.findall(r"^U\+(\w+)\tkJinmeiyoKanji\t\d+:U\+(\w+)$", unihan, re.M):
        listed.setdefault(chr(int(old, 16)), chr(int(new, 16)))
    heads: dict[str, dict[str, int]] = defaultdict(dict)
    for letter, head, hops in db.execute(
        f"""SELECT "対応するUCS", "縮退UCS", "ホップ数" FROM "{REGISTERS}"
        JOIN mji USING ("MJ文字図形名") ORDER BY "ホップ数" DESC"""
    ):
        # A common letter is nobody's variant unless a list says so: the registers have 書 of 昼.
        if letter and letter != head and is_common(head) and not is_common(letter):
            heads[letter][head] = hops
    for letter, of in heads.items():
        nearest = [head for head, hops in of.items() if hops == min(of.values())]
        if len(nearest) == 1:
            listed.setdefault(letter, nearest[0])
    # What Unicode's own compatibility forms say is said by NFKC already.
    return {letter: _end(listed, letter) for letter in listed if len(letter) == 1}


def is_common(letter: str) -> bool:
    """Whether a letter is a kanji of JIS level 1."""
    try:
        lead = letter.encode("euc_jp")[0]
    except UnicodeEncodeError:
        return False
    return 0xB0 <= lead <= 0xCF


def _end(meant: Mapping[str, str], letter: str) -> str:
    seen = {letter}
    while letter in meant and meant[letter] not in seen:
        letter = meant[letter]
        seen.add(letter)
    return letter


if __name__ == "__main__":
    sys.exit(main())
