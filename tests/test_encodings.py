"""Which encoding a note is in: a table of what people write, in all that Japan has written it."""

import os
from pathlib import Path

import pytest

from index.errors import Unreadable
from index.formats.encodings import decode

SEEDS = Path(__file__).parent.parent / "seeds"
SAMPLES = {
    "memo": "会議のメモ：来週までに①見積りを出す。サーバーは２台、担当は髙橋さん。\n",
    "business": "各位\r\n\r\nお疲れさまです。総務の山﨑です。来月4日（金）の定例会議は、"
    "第二会議室から本社3階の大会議室へ変更になりました。資料は前日の17時までに共有フォルダへ置いてください。\r\n",
    "one word": "税\n",
    "shopping": "買い物\n・牛乳\n",
    "two words": "卵 豆腐",
    "hiragana": "あしたはおべんとうをもっていく\n",
    "katakana": "テスト\nメモリ\n",
    "half-width": "ｻｰﾊﾞｰ ﾃﾞｰﾀ ﾊﾞｯｸｱｯﾌﾟ\n",
    "half-width in prose": "品名：ﾎﾞｰﾙﾍﾟﾝ、数量は三本です\n",
    "mixed": "Windows Server 2008 R2 の Hyper-V を検証する (Live Migration)\n",
    "money": "合計 12,800円（税込）①交通費 1,200円 ②宿泊費 9,000円\n",
    "year": "1935年\n",
    "names": "髙橋、﨑山、山田、渡邊、齋藤\n",
    "old kanji": "東條英機\n",
    "address": "〒150-0002 東京都渋谷区渋谷2-21-1 渋谷ヒカリエ 33階\n",
    "html": '<p class="note">議事録：<b>決定事項</b><br>次回は6月</p>\n',
    "csv": "日付,品名,数量,単価\n2024/05/01,ノート,3,180\n",
    "ruby": "　吾輩《わがはい》は猫である。名前はまだ｜無い《ない》。［＃改ページ］\n",
    "English": "A plain English note.\n",
}
ENCODINGS = {
    "utf-8": "utf-8",
    "utf-8-sig": "utf-8-sig",
    "cp932": "cp932",
    "euc_jis_2004": "euc-jp",
    "iso2022_jp_ext": "iso-2022-jp",
    "utf-16": "utf-16",
    "utf-16-le": "utf-16-le",
    "utf-16-be": "utf-16-be",
    "utf-32": "utf-32",
}


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("codec", ENCODINGS)
def test_what_people_write_survives_every_encoding(sample: str, codec: str) -> None:
    text = "".join(c for c in SAMPLES[sample] if _spells(codec, c))  # as far as it can spell it
    read, encoding = decode(text.encode(codec))
    assert read == text
    if not text.isascii() or codec.startswith("utf-16"):
        assert encoding == ENCODINGS[codec]


def _spells(codec: str, char: str) -> bool:
    try:
        return char.encode(codec).decode(codec) == char
    except UnicodeEncodeError:
        return False


@pytest.mark.parametrize(
    ("content", "text", "encoding"),
    [
        # Windows' own signs and names, in the two encodings whose standards lack them.
        (b"\xfc\xe2\xb6\xb6\xad\xa1\n", "髙橋①\n", "euc-jp"),
        (b"\x1b$B\x7c\x62\x36\x36\x2d\x21\x1b(B\n", "髙橋①\n", "iso-2022-jp"),
        ("①丂".encode("iso2022_jp_2004"), "①丂", "iso-2022-jp"),
        ("﨑".encode("iso2022_jp_3"), "﨑", "iso-2022-jp"),
        ("丂".encode("iso2022_jp_ext"), "丂", "iso-2022-jp"),  # JIS X 0212
        ("ｶﾅ".encode("iso2022_jp_ext"), "ｶﾅ", "iso-2022-jp"),
        ("10年".encode("euc_jp"), "10年", "euc-jp"),  # also 10ǯ in UTF-8
        ("100γ".encode(), "100γ", "utf-8"),  # also 100粒 in EUC-JP
        ("pâté".encode(), "pâté", "utf-8"),
        ("café, naïve\n".encode("utf-16-be"), "café, naïve\n", "utf-16-be"),
        ("cafe\u0301".encode(), "cafe\u0301", "utf-8"),
        ("今日は。".encode("utf-16-le"), "今日は。", "utf-16-le"),  # no NUL, but a \x02
    ],
)
def test_hard_cases(content: bytes, text: str, encoding: str) -> None:
    assert decode(content) == (text, encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "cp932", "euc-jp"])
@pytest.mark.parametrize("hole", ["\0", "\0" * 4096])
def test_nul_bytes_stay_in_a_text_that_a_crash_left_them_in(encoding: str, hole: str) -> None:
    for text in (f"電源が落ちた日のメモ\n{hole}", f"前半は残った\n{hole}後半も残った\n"):
        assert decode(text.encode(encoding)) == (text, encoding)


def test_seeds_is_utf_8() -> None:
    assert decode(next(SEEDS.glob("*.txt")).read_bytes())[1] == "utf-8"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "空のファイル"),
        (b"\0" * 512, "バイナリ"),
        (SAMPLES["memo"].encode()[:-2], "文字コードが壊れています"),  # cut inside a character
        (SAMPLES["memo"].encode().replace("来".encode(), b"\xff"), "UTF-8"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "バイナリ"),
        (b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff\x00\x00\xb8\x00", "バイナリ"),
        (b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00", "バイナリ"),
        (b"".join(n.to_bytes(4, "little") for n in range(1, 400)), "バイナリ"),
        (os.urandom(4096).replace(b"\x00", b"\x01"), "文字コード"),
        ("café".encode("latin-1"), "文字コード"),
        (b"\xff\xfe\x00\xd8", "utf-16"),  # a lone surrogate
        ("メモ".encode("utf-32")[:-1], "utf-32"),
        (b"\x1b$B%a%b\x1b$B%", "iso2022_jp"),  # cut inside a character
    ],
)
def test_what_is_not_text_is_named(content: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        decode(content)
