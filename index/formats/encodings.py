"""From bytes to text: which of the encodings Japanese notes come in, and proof that it is that one.

decode(bytes) ▶ (text, encoding), or Unreadable with the reason
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

from index.errors import Unreadable
from index.messages import said
from index.words.markup import composed

READABLE_SHARE = 0.9  # The seeds note and JaQuAD's texts all have more than 0.97.
JAPANESE_SHARE = 0.7  # Beyond ASCII; 墨壺, one common and one rare, has 0.75.
RARE_KANJI = 0.5  # what a kanji beyond JIS level 1 counts for, against 1 for a common character
UTF16_SHARE = 0.85  # Real text has more than 0.9.
CONTROL_SHARE = 0.02  # Text has hardly any, a short binary many.
NUL_RUN_SHARE = 0.01  # runs of NUL per character; more are the fields of a binary format
HALF_WIDTH_WORDS = 6  # half-width kana that outweigh their reading as kanji; fewer do not
BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),  # before UTF-16, whose mark begins the same
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),  # the codecs read and drop the mark themselves
    (b"\xfe\xff", "utf-16"),
)
NO_CP932 = b"\x81\xff"  # no character of it, so that decoding fails
JIS_CODECS = ("iso2022_jp_ext", "iso2022_jp_2004", "iso2022_jp_3")  # JIS X 0208 + 0212, 0213, 0213

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f-\x9f]")
_JIS_ESCAPE = re.compile(rb"\x1b(?:\$[@B]|\$\([DOPQ]|\([IJ])")
_JIS_PAIRS = re.compile(rb"\x1b\$[@B]([\x21-\x7e]*)(?:\x1b\([BJ])?")
_NEVER_EUC = re.compile(rb"[\x80-\x8d\x90-\xa0\xff]")  # CP932 cannot do without these for long
_HALF_WIDTH = re.compile(r"[｡-ﾟ]+")
# What words in half-width kana look like: sound marks follow kana that take them, small kana and
# the long mark follow a full one, signs stand between words.
_KANA = "(?:(?:[ｳｶ-ﾄﾊ-ﾎ]ﾞ|[ﾊ-ﾎ]ﾟ|[ｦｱ-ﾝ])[ｧ-ｯ]?ｰ?)"
_HALF_WIDTH_WORDS = re.compile(f"｢?{_KANA}{{2,}}(?:[｡-･]{_KANA}{{2,}})*[｡-･]?")
_HALF_WIDTH_MARKS = re.compile(r"[ｬ-ｰﾝﾞﾟ]")  # hardly a word of six kana is without one
_FOREIGN_SIGNS = "¡£§«°±²³µ¶·»¼½¾¿"  # the signs of Latin-1 that are typed in earnest


def decode(content: bytes) -> tuple[str, str]:
    """Text and the encoding it was written in.

    A byte order mark decides; else ISO-2022-JP by its escapes, UTF-16 without a mark, UTF-8, and
    then whichever of CP932 (Windows Shift_JIS) and EUC-JP gives the more Japanese text: most
    bytes of the one are legal in the other, so being legal is no proof. A few runs of NUL bytes,
    as crashes and sync leave them, stay in the text.

    Raises:
        Unreadable: empty, binary, or not whole in any of them.
    """
    if not content:
        raise Unreadable(said("empty"))
    for mark, encoding in BOMS:
        if content.startswith(mark):
            return _strict(content, encoding), encoding
    if b"\x00" in content:
        return _utf16_without_mark(content) or _with_holes(content)
    if _JIS_ESCAPE.search(content) and max(content) < 0x80:
        return _iso_2022_jp(content), "iso-2022-jp"
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        return _not_utf8(content, error)
    if _CONTROL.search(text) and (found := _utf16_without_mark(content)):
        return found  # あいう。 in UTF-16 is ASCII throughout, with a \x02 from the 。
    return _euc_jp_like_utf8(content, text) or (text, "utf-8")


def readable_share(text: str) -> float:
    """Share of characters that Japanese prose is made of, 0 to 1; the rest hints at mojibake.

    Kana, ASCII, full-width forms and the kanji of JIS level 1 count as readable. Rare kanji,
    half-width katakana and control characters count as not: CP932 read as EUC-JP, or the
    reverse, is full of them.
    """
    counts = Counter(text)  # a note has few different characters, however long it is
    return sum(n for char, n in counts.items() if _is_common(char)) / len(text) if text else 0.0


def _japanese_share(text: str) -> float:
    """How Japanese the characters beyond ASCII are, 0 to 1; 0 where control characters abound."""
    counts = {char: n for char, n in Counter(text).items() if char > "~"}
    controls = len(_CONTROL.findall(text.rstrip("\x1a")))  # DOS ends a file with that one
    if not counts or controls > CONTROL_SHARE * len(text):
        return 0.0
    return sum(n * _weight(char) for char, n in counts.items()) / sum(counts.values())


def _weight(char: str) -> float:
    return 1.0 if _is_common(char) else RARE_KANJI * _is_kanji(char)


def _not_utf8(content: bytes, error: UnicodeDecodeError) -> tuple[str, str]:
    if _is_damaged_utf8(content):
        raise Unreadable(said("broken_encoding", encoding="UTF-8", at=error.start)) from error
    found = _cp932_or_euc_jp(content) or _utf16_without_mark(content)
    if not found:
        raise Unreadable(said("unknown_encoding")) from error
    return found


def _cp932_or_euc_jp(content: bytes) -> tuple[str, str] | None:
    """The reading that is more Japanese, if one is Japanese enough."""
    readings = [(text, "cp932") for text in _readings(content, "cp932")]
    if not _NEVER_EUC.search(content):
        readings += [(text, "euc-jp") for text in _euc_jp(content)]
    if len({encoding for _, encoding in readings}) == 1:  # nothing to mistake half-width kana for
        judged = [composed(text, "NFKC") for text, _ in readings]
    else:
        judged = [_widen_words(text) for text, _ in readings]
    # Words in half-width kana also read as kanji, but kanji hardly ever as words: those go first.
    ranks = [
        (_japanese_share(wide), wide != text)
        for wide, (text, _) in zip(judged, readings, strict=True)
    ]
    best = max(ranks, default=(0.0, False))
    return readings[ranks.index(best)] if best[0] >= JAPANESE_SHARE else None


def _euc_jp(content: bytes) -> Iterator[str]:
    """The text in each kind of EUC-JP that has all its characters.

    Plain, then as Windows writes it, whose ① and 髙 are CP932's, then JIS X 0213.
    """
    yield from _readings(content, "euc_jp")
    yield from _readings(content, "euc_jp", "kikigaki.windows")
    yield from _readings(content, "euc_jis_2004")


def _readings(content: bytes, codec: str, errors: str = "strict") -> Iterator[str]:
    with suppress(UnicodeDecodeError):
        yield content.decode(codec, errors)


def _windows_sign(error: UnicodeError) -> tuple[str, int]:
    """CP932's character for two bytes that plain EUC-JP lacks, and where to go on."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    pair = error.object[error.start : error.start + 2]
    if len(pair) < 2 or min(pair) < 0xA1:
        raise error
    char = _to_cp932(bytes(byte & 0x7F for byte in pair)).decode("cp932")
    return char, error.start + 2


codecs.register_error("kikigaki.windows", _windows_sign)


def _to_cp932(pairs: bytes) -> bytes:
    """JIS X 0208 (two bytes a character, 0x21 to 0x7E) in the arithmetic of Shift_JIS."""
    if len(pairs) % 2:
        return NO_CP932
    shifted = bytearray()
    for row, cell in zip(pairs[::2], pairs[1::2], strict=True):
        shifted.append((row - 0x21) // 2 + (0x81 if row < 0x5F else 0xC1))
        shifted.append(cell + (0x7E if row % 2 == 0 else 0x1F if cell < 0x60 else 0x20))
    return bytes(shifted)


def _iso_2022_jp(content: bytes) -> str:
    """ISO-2022-JP in any of its editions, or with CP932's ① and 髙 as Windows mail has them."""
    for codec in JIS_CODECS:
        for text in _readings(content, codec):
            return text
    windows = _JIS_PAIRS.sub(lambda found: _to_cp932(found[1]), content)
    if b"\x1b" not in windows:
        for text in _readings(windows, "cp932"):
            return text
    return _strict(content, JIS_CODECS[0])  # says where it breaks


def _euc_jp_like_utf8(content: bytes, text: str) -> tuple[str, str] | None:
    """EUC-JP where UTF-8 gives no letters anyone types: 10年 is also 10ǯ.

    Only kanji can pass for two-byte UTF-8, never kana, so this is about very short notes.
    """
    if text.isascii() or max(text) > "\u07ff" or all(map(_is_foreign, composed(text, "NFC"))):
        return None
    return _cp932_or_euc_jp(content)


def _is_foreign(char: str) -> bool:
    """ASCII, Latin up to the accents of Europe, Greek, Cyrillic."""
    if char <= "~" or char in _FOREIGN_SIGNS:
        return True
    return "À" <= char <= "ſ" or "Ά" <= char <= "џ"


def _widen_words(text: str) -> str:
    """The text with half-width kana made full-width, if all of them read as words."""
    runs = _HALF_WIDTH.findall(text)
    kana = "".join(runs)
    if len(kana) < HALF_WIDTH_WORDS or not _HALF_WIDTH_MARKS.search(kana):
        return text
    if not all(len(run) == 1 or _HALF_WIDTH_WORDS.fullmatch(run) for run in runs):
        return text
    return _HALF_WIDTH.sub(lambda run: unicodedata.normalize("NFKC", run[0]), text)


def _is_common(char: str) -> bool:
    if char in "\n\r\t\f" or " " <= char <= "~":
        return True
    if "\u3000" <= char <= "\u30ff" or "\uff01" <= char <= "\uff5e" or "\u2010" <= char <= "\u27bf":
        return True
    try:
        lead = char.encode("euc_jp")[0]
    except UnicodeEncodeError:
        return False
    return 0xA1 <= lead <= 0xCF  # rows 1-47 of JIS X 0208: signs, kana and the common kanji


def _is_kanji(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fff" or "\uf900" <= char <= "\ufaff"


def _is_damaged_utf8(content: bytes) -> bool:
    """Whether the bytes are UTF-8 but for a few: other encodings rarely form whole characters."""
    decoded = content.decode("utf-8", "replace")
    broken = decoded.count("\ufffd")
    whole = len(decoded) - len(decoded.encode("ascii", "ignore")) - broken
    return whole > 4 * broken


def _utf16_without_mark(content: bytes) -> tuple[str, str] | None:
    """UTF-16 in the byte order that gives the letters of Japan and Europe, if one does.

    Pairs of ASCII bytes are kanji in UTF-16, but mostly rare ones: about 0.6.
    """
    readings = [
        (
            sum(n * _letter_weight(char) for char, n in Counter(text).items()) / len(text),
            text,
            codec,
        )
        for codec in ("utf-16-le", "utf-16-be")
        for text in _readings(content, codec)
        if "\x00" not in text
    ]
    share, text, codec = max(readings, default=(0.0, "", ""), key=lambda reading: reading[0])
    return (text, codec) if share >= UTF16_SHARE else None


def _letter_weight(char: str) -> float:
    return 1.0 if "ｦ" <= char <= "ﾟ" or (_is_foreign(char) and char >= " ") else _weight(char)


def _with_holes(content: bytes) -> tuple[str, str]:
    """Text with a few runs of NUL bytes in it; they stay, for a quote is a piece of the file."""
    whole = content.replace(b"\x00", b"")
    runs = len(re.findall(rb"\x00+", content))
    binary = Unreadable(said("binary"))
    if not whole.strip() or runs > max(2, NUL_RUN_SHARE * len(whole)):
        raise binary
    try:
        text, encoding = decode(whole)
    except Unreadable as reason:
        raise binary from reason
    if _CONTROL.search(text) or (readable_share(text) < READABLE_SHARE and text.isascii()):
        raise binary
    codecs = {"iso-2022-jp": JIS_CODECS, "euc-jp": ("euc_jp", "euc_jis_2004")}
    for codec in codecs.get(encoding, (encoding,)):
        for read in _readings(content, codec):
            if read.replace("\x00", "") == text:
                return read, encoding
    raise binary  # a hole inside a character: the text around it is no longer what was written


def _strict(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise Unreadable(said("broken_encoding", encoding=encoding, at=error.start)) from error
