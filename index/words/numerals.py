"""Numbers as Japanese write them, each by its value.

三千五百, 3.5千, 3,500 ─ value ▶ "3500"        09012345678, (090)1234-5678, +81 90… ─ phone
"""

from __future__ import annotations

import re
from decimal import Decimal

DIGITS = dict(zip("〇零一二三四五六七八九", "00123456789", strict=True))
_SMALL = {"十": 10, "百": 100, "千": 1_000}
_LARGE = {"万": 10**4, "億": 10**8, "兆": 10**12}
LONGEST = 16  # digits; a longer number is somebody's key, and no amount
KANJI = "[〇一二三四五六七八九十百千万億兆]"
# What makes a run of kanji digits a number rather than part of a word (一番, 十分, 千葉).
_COUNTED = (
    "円|銭|ドル|条|項|章|節|号|番|丁目|人|名|個|回|歳|才|時|分|秒|階|枚|冊|本|台|杯|匹|頭|軒|件|点|割|%|パーセント|"
    "キロ|グラム|トン|メートル|センチ|[かヶカヵケ箇][国月所]|週|泊|日間|年間|時間|ページ|頁|位|度|坪|畳|世帯|戸|株|票|部屋"
)
_GROUPED = r"[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])"
# 3,500 and 1万2千; a number of kanji where it counts something, or is of two digits by their place.
NUMBER = re.compile(
    rf"(?<![0-9.,])(?:(?:{_GROUPED}|[0-9]+)(?:\.[0-9]+)?(?:[十百千]?[万億兆]|[十百千])"
    rf"(?:[0-9]+(?:,[0-9]{{3}})*[十百千万億兆]*)*(?![一-龠]*葉)|{_GROUPED}(?:\.[0-9]+)?"
    rf"|(?<!{KANJI})(?:{KANJI}{{2,}}(?=(?:{_COUNTED}))|[一二三四五六七八九十百千](?=円|条|号|階|丁目)|(?={KANJI}+[億兆]{KANJI}){KANJI}{{3,}}))"
)
FRACTION = re.compile(rf"(?<!{KANJI})([0-9]+|{KANJI}+)分の([0-9]+|{KANJI}+)")
PERCENT = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:%|パーセント)")
# Groups of digits with signs between, which begin with the 0 of a line or +81.
PHONE = re.compile(
    r"(?<![0-9A-Za-z.+-])(?:\+81|\(?0)[0-9]*(?:[-() ]{1,2}[0-9]{1,4}){2,3}(?![0-9-])"
)


def value(written: str) -> str:
    """A number's value in decimal digits, without grouping; empty for what is none."""
    text = "".join(DIGITS.get(sign, sign) for sign in written.replace(",", ""))
    total, section, last = Decimal(0), Decimal(0), None
    for part in re.findall(r"[0-9]+(?:\.[0-9]+)?|[十百千万億兆]", text):
        if len(part) > LONGEST:
            return ""
        if part in _SMALL:
            section += (1 if last is None else last) * _SMALL[part]
            last = None
        elif part in _LARGE:
            whole = section + (last or 0)
            total += (whole or 1) * _LARGE[part]
            section, last = Decimal(0), None
        else:
            last = Decimal(part)
    total += section + (last or 0)
    shown = f"{total.normalize():f}"
    return shown if len(shown) <= LONGEST else ""


def phone(written: str) -> str:
    """A telephone number's digits as dialled within Japan; empty for what is none."""
    digits = re.sub(r"\D", "", written)
    if written.startswith("+81"):
        digits = "0" + digits[2:].removeprefix("0")
    return digits if digits.startswith("0") and len(digits) in (10, 11) else ""
