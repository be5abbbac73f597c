"""python -m benchmarks.screenshots: the README's pictures, and others to look at, in Chromium.

Starts the chat on seeds/ with a store of its own, asks, and writes docs/chat.png and docs/map.png;
with --all DIR also every other main state there: refusal, panes, dark, English, a phone's width.
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
EXAMPLE = "Hyper-Vのライブマイグレーション対応は？"
README = ("chat", "map")


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
    """The README's pictures into docs, and all into another folder if there is one."""
    page = opened(browser, 1300, 800)
    expect(page.locator("#status")).not_to_contain_text("準備中", timeout=60_000)
    folder = everything or docs

    def shot(name: str) -> None:
        page.mouse.move(0, 0)
        page.wait_for_timeout(800)  # what slides and fades has come to rest
        page.screenshot(path=(docs if name in README else folder) / f"{name}.png")

    docs.mkdir(exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    if everything:
        shot("first")
    ask(page, EXAMPLE)
    page.locator("a.cite").first.click()
    expect(page.locator("#side mark")).to_be_visible()
    shot("chat")
    page.locator("#open-map").click()
    expect(page.locator("#side canvas")).to_be_visible()
    page.wait_for_timeout(3000)
    shot("map")
    if not everything:
        return
    for view in ("notes", "talks"):
        page.locator(f"#open-{view}").click()
        shot(view)
    page.keyboard.press("Escape")
    page.locator("a.cite").last.hover()
    page.screenshot(path=everything / "hover.png")
    ask(page, "もっと詳しく")
    shot("follow-up")
    ask(page, "8コアから12コアのCPUはいつ出る予定？")
    shot("span")
    ask(page, "カレーの作り方を教えて")
    ask(page, "Citrixの創業者は誰？")
    shot("refusal")
    page.locator("a.like").last.click()
    expect(page.locator("#side .card").first).to_be_visible()
    shot("similar")
    page.locator("#words").click()
    shot("english")
    for name, width, query in (("dark", 1300, "?__theme=dark"), ("phone", 390, "")):
        page = opened(browser, width, 844, query)
        ask(page, "サーバー仮想化の落とし穴は？")
        shot(name)
        page.locator("a.cite").first.click()
        expect(page.locator("#side mark").first).to_be_visible()
        shot(f"{name}-source")
        page.keyboard.press("Escape")
        page.locator("#open-map").click()
        page.wait_for_timeout(2000)
        shot(f"{name}-map")


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
