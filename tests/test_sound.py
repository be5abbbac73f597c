"""Katakana and English that sound alike, as a table; and some that must not meet."""

import pytest

from index.words.sound import sound


@pytest.mark.parametrize(
    ("katakana", "english"),
    [
        ("マイグレーション", "migration"), ("ウィンドウズ", "windows"), ("ウインドウズ", "windows"),
        ("ハイパーバイザ", "hypervisor"), ("ハイパバイザー", "hypervisor"),
        ("クイックマイグレーション", "quickmigration"), ("インタフェース", "interface"),
        ("インターフェイス", "interface"), ("ハイパートランスポート", "hypertransport"),
        ("コンテナ", "container"), ("クーバネティス", "kubernetes"), ("シトリックス", "citrix"),
        ("バーチャルボックス", "virtualbox"), ("フレームワーク", "framework"),
        ("コンピュータ", "computer"), ("プレゼンテーション", "presentation"),
    ],
)  # fmt: skip
def test_both_scripts_sound_alike(katakana: str, english: str) -> None:
    assert sound(katakana) == sound(english) != ""


def test_short_words_and_other_scripts_have_no_sound() -> None:
    assert (
        sound("サーバ") == sound("server") == sound("漢字") == sound("hyper-v") == sound("") == ""
    )


def test_different_words_stay_apart() -> None:
    words = ["virtualbox", "opscenter", "xenserver", "barcelona", "shanghai", "hypertransport",
             "performance", "provisioning", "presentation", "infrastructure"]  # fmt: skip
    assert len({sound(word) for word in words}) == len(words)
