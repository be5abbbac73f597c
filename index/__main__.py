"""python -m index: bring the store up to date with the notes folder, and say what changed."""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from index.build import BuildReport, Stage, build
from index.errors import NotesError
from index.notes import Skipped
from index.settings import notes_folder, store_folder

STAGES: dict[Stage, str] = {"notes": "ノートを読む", "vectors": "意味検索の準備"}
NAMED = 5  # skipped files named for each reason; the count tells of the rest


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status: 0 done, 1 a named error, 130 interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m index",
        description="ノートの索引を最新にします / bring the index of the notes up to date",
    )
    parser.add_argument("--notes", metavar="DIR", help="ノートのフォルダ (default: seeds/)")
    parser.add_argument("--store", metavar="DIR", help="索引を置くフォルダ (default: user cache)")
    parser.add_argument("--rebuild", action="store_true", help="すべて作り直す / build all again")
    options = parser.parse_args(argv)
    notes = notes_folder(options.notes)
    store = store_folder(notes, options.store)
    console = Console(stderr=True, highlight=False)
    try:
        with ProgressBars(console) as bars:
            report = build(notes, store, progress=bars, rebuild=options.rebuild)
    except NotesError as error:
        console.print(escape(str(error)), style="red")
        return 1
    except KeyboardInterrupt:
        console.print(
            "中断しました。ここまでの分は残してあり、次の `python -m index` が続きから始めます。\n"
            "(Interrupted; what was done is kept, and the next run goes on from there.)"
        )
        return 130
    for remark in report.remarks:
        console.print(escape(remark), style="yellow")
    for line in skipped_lines(report.skipped):
        console.print(escape(line), style="dim")
    print(closing_line(report))
    return 0


class ProgressBars:
    """The progress of a build as bars in a terminal; silent where there is none."""

    def __init__(self, console: Console) -> None:
        """Name the console to draw on."""
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._tasks: dict[Stage, object] = {}

    def __enter__(self) -> ProgressBars:
        """Begin to draw."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop drawing and leave a clean line."""
        self._progress.stop()

    def __call__(self, stage: Stage, done: int, total: int) -> None:
        """Show that done of total are finished."""
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(STAGES[stage], total=total)
        self._progress.update(self._tasks[stage], completed=done, total=total)  # type: ignore[arg-type]


def skipped_lines(skipped: Iterable[Skipped]) -> list[str]:
    """One line a reason: how many files were left out for it, and the first of them by name."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for item in skipped:
        by_reason[item.reason].append(item.path)
    return [
        f"読まなかったもの {len(paths):,}: {reason}: {', '.join(paths[:NAMED])}"
        + (" …" if len(paths) > NAMED else "")
        for reason, paths in by_reason.items()
    ]


def closing_line(report: BuildReport) -> str:
    """The result of a build in one line, Japanese and English."""
    return (
        f"追加 added {report.added:,} · 変更 changed {report.changed:,} · "
        f"削除 removed {report.removed:,} · そのまま unchanged {report.unchanged:,} · "
        f"除外 skipped {len(report.skipped):,} · 箇所 passages {report.passages:,} · "
        f"符号化 encoded {report.encoded:,} · {report.seconds:.1f} 秒 s"
    )


if __name__ == "__main__":
    sys.exit(main())
