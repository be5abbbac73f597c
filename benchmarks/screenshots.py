"""python -m benchmarks.screenshots: the README's picture, and others to look at, in Chromium.

Starts the chat on seeds/ with a store of its own, asks, and writes docs/chat.png; with --all DIR
also the first page, a refusal, the dark theme and a phone's width.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PORT = "7869"  # not the chat's own, which may be open
BOX = "#question textarea"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.screenshots")
    parser.add_argument("--all", type=Path, metavar="DIR", help="write every picture there")
    options = parser.parse_args(argv)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.stderr.write("Chromium がありません: sudo apt install chromium fonts-noto-cjk\n")
        return 1
    with tempfile.TemporaryDirectory() as store:
        subprocess.run([sys.executable, "-m", "index", "--store", store], cwd=ROOT, check=True)
        command = [sys.executable, "app.py", "--store", store, "--port", PORT]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as chat:
            try:
                if chat.stdout is None or not chat.stdout.readline():
                    return 1
                with sync_playwright() as play:
                    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
                    browser = play.chromium.launch(executable_path=chromium, args=flags)
                    pictures(browser, ROOT / "docs", options.all)
                    browser.close()
            finally:
                chat.terminate()
    return 0


def pictures(browser: Browser, docs: Path, everything: Path | None) -> None:
    """The README's picture into docs, and all into another folder if there is one."""
    page = opened(browser, 1000, 760)
    expect(page.locator("#status")).not_to_contain_text("準備中", timeout=60_000)
    if everything:
        everything.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=everything / "first.png")
    page.get_by_role("button", name="Hyper-Vのライブマイグレーション対応は？").click()
    page.wait_for_selector(".card mark")
    page.wait_for_timeout(800)
    docs.mkdir(exist_ok=True)
    page.screenshot(path=docs / "chat.png")
    if not everything:
        return
    ask(page, "カレーの作り方を教えて")
    page.screenshot(path=everything / "refusal.png")
    for name, width, height, query in (
        ("dark", 1000, 760, "?__theme=dark"),
        ("phone", 390, 844, ""),
    ):
        other = opened(browser, width, height, query)
        ask(other, "サーバー仮想化の落とし穴は？")
        other.screenshot(path=everything / f"{name}.png")


def opened(browser: Browser, width: int, height: int, query: str = "") -> Page:
    """The chat's page in a window of its own."""
    page = browser.new_page(viewport={"width": width, "height": height}, locale="ja-JP")
    page.goto(f"http://127.0.0.1:{PORT}/{query}")
    page.wait_for_selector(BOX)
    return page


def ask(page: Page, question: str) -> None:
    """Ask and wait until the answer stands still."""
    before = page.locator(".bot-row").count()
    page.fill(BOX, question)
    page.press(BOX, "Enter")
    expect(page.locator(".bot-row")).to_have_count(before + 1)
    expect(page.locator("#chat .wait")).to_have_count(0)
    page.wait_for_timeout(800)


if __name__ == "__main__":
    sys.exit(main())
