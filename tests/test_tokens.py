"""Japanese words as a table: what each is searched by, and which spellings meet."""

import pytest

from index.tokens import bigrams, fold_katakana, normalize, tokenize


def terms(text: str) -> list[str]:
    return [word.terms[0] for word in tokenize(text)]


def everything(text: str) -> set[str]:
    return {term for word in tokenize(text) for term in word.all_terms}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ＰＣを買った", ["pc", "買う"]),
        ("税と鍵と本", ["税", "鍵", "本"]),
        ("サーバーが落ちた", ["server", "落ちる"]),
        ("PPR-9087の件", ["ppr-9087", "件"]),
        ("v1.2.3へ上げる", ["v1.2.3", "上げる"]),
        ("2-3%のダウン", ["2-3%", "down"]),
        ("どこに書いてありますか", ["書く"]),
        ("それは何ですか", []),
        ("What is the price?", ["price"]),
        ("　\n", []),
        ("🍣🍺", []),
    ],
)
def test_content_words(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("サーバ", "サーバー"),
        ("サーバ", "server"),
        ("ユーザ", "ユーザー"),
        ("ヴァイオリン", "バイオリン"),
        ("ウィンドウズ", "ウインドウズ"),
        ("インタフェース", "インターフェイス"),
        ("引越し", "引越"),
        ("打合せ", "打ち合わせ"),
        ("子供", "子ども"),
        ("子供", "こども"),
        ("附属", "付属"),
        ("會議", "会議"),
        ("会議", "かいぎ"),
        ("斎藤", "齋藤"),
        ("ﾊﾝｶｸ", "ハンカク"),
        ("ＰＣ", "PC"),
        ("２００８", "2008"),
        ("Hyper-V", "HyperV"),
        ("Wi-Fi", "WiFi"),
        ("WindowsServer2008", "Windows Server 2008"),
    ],
)
def test_spellings_meet(one: str, other: str) -> None:
    assert everything(one) & everything(other)


def test_a_code_is_kept_whole_and_in_parts() -> None:
    (word,) = tokenize("WindowsServer2008R2")
    assert word.terms == ("windowsserver2008r2",)
    assert set(word.parts) >= {"windows", "server", "2008", "r2"}


def test_normal_forms() -> None:
    assert normalize("ＰＣ ｶﾞｲﾄﾞ①") == "pc ガイド1"
    assert fold_katakana("サーバー") == fold_katakana("サーバ") == "サバ"
    assert fold_katakana("ー") == "ー"
    assert bigrams("ハイパーバイザ、税") == ["ハイ", "イパ", "パバ", "バイ", "イザ", "税"]
