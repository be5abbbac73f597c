"""From bytes to text: which of the encodings Japanese notes come in, and proof that it is that one.

decode(bytes) ▶ (text, encoding), or Unreadable with the reason
"""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress

from index.errors import Unreadable

READABLE_SHARE = 0.9  # of the characters; the seeds note and JaQuAD's texts are all above 0.97
BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),  # the codec reads and drops the mark itself
    (b"\xfe\xff", "utf-16"),
)


def decode(content: bytes) -> tuple[str, str]:
    """Text and the encoding it was written in.

    A byte order mark decides; else UTF-8, ISO-2022-JP, UTF-16 without a mark, and then whichever
    of CP932 (Windows Shift_JIS) and EUC-JP gives the more Japanese text: most bytes of the one
    are legal in the other, so being legal is no proof.

    Raises:
        Unreadable: empty, binary, or not whole in any of them.
    """
    if not content:
        raise Unreadable("空のファイル (empty)")
    for mark, encoding in BOMS:
        if content.startswith(mark):
            return _strict(content, encoding), encoding
    if b"\x00" in content:
        return _utf16_without_mark(content)
    if re.search(rb"\x1b\$[@B]", content) and max(content) < 0x80:
        return _strict(content, "iso2022_jp_ext"), "iso-2022-jp"
    try:
        return content.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as error:
        if _is_damaged_utf8(content):
            raise Unreadable(
                f"文字コードが壊れています: UTF-8 の {error.start} バイト目 "
                f"(broken UTF-8 at byte {error.start})"
            ) from error
    return _cp932_or_euc_jp(content)


def readable_share(text: str) -> float:
    """Share of characters that Japanese prose is made of, 0 to 1; the rest hints at mojibake.

    Kana, ASCII, full-width forms and the kanji of JIS level 1 count as readable. Rare kanji,
    half-width katakana and control characters count as not: CP932 read as EUC-JP, or the
    reverse, is full of them.
    """
    return sum(map(_is_common, text)) / len(text) if text else 0.0


def _cp932_or_euc_jp(content: bytes) -> tuple[str, str]:
    """The reading that is more Japanese; euc_jis_2004 has the ① that plain euc_jp lacks."""
    readings = []
    for encoding, codec in (("cp932", "cp932"), ("euc-jp", "euc_jp"), ("euc-jp", "euc_jis_2004")):
        with suppress(UnicodeDecodeError):
            text = content.decode(codec)
            readings.append((readable_share(text), text, encoding))
    if len(readings) == 1:  # nothing to mistake it for, so half-width kana are what they seem
        _, text, encoding = readings[0]
        readings = [(readable_share(unicodedata.normalize("NFKC", text)), text, encoding)]
    share, text, encoding = max(readings, default=(0.0, "", ""), key=lambda reading: reading[0])
    if share < READABLE_SHARE:
        raise Unreadable("文字コードが分かりません (unknown encoding, or a binary file)")
    return text, encoding


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


def _is_damaged_utf8(content: bytes) -> bool:
    """Whether the bytes are UTF-8 but for a few: other encodings rarely form whole characters."""
    decoded = content.decode("utf-8", "replace")
    broken = decoded.count("\ufffd")
    whole = sum(char > "\x7f" for char in decoded) - broken
    return whole > 4 * broken


def _utf16_without_mark(content: bytes) -> tuple[str, str]:
    """UTF-16 by trying both byte orders; anything else that holds NUL bytes is binary."""
    for encoding in ("utf-16-le", "utf-16-be"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text and readable_share(text) >= READABLE_SHARE:
            return text, encoding
    raise Unreadable("バイナリファイル (binary)")


def _strict(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise Unreadable(
            f"文字コードが壊れています: {encoding} の {error.start} バイト目 "
            f"(broken {encoding} at byte {error.start})"
        ) from error
