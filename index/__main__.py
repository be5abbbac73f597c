"""python -m index: bring the store up to date with the notes folder, and say what changed."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial

from rich.console import Console

from index.build import BuildReport, build
from index.doctor import examine
from index.errors import NotesError
from index.folder import check_folder
from index.settings import notes_folder, store_folder
from index.status import status_lines
from index.storage.store import Store
from index.terminal import ProgressBars, messages, skipped_lines, writable
from index.watch import Follower


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status: 0 done, 1 a named error, 130 interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m index",
        description="ノートの索引を最新にします / bring the index of the notes up to date",
    )
    parser.add_argument("--notes", metavar="DIR", help="ノートのフォルダ (default: seeds/)")
    parser.add_argument("--store", metavar="DIR", help="索引を置くフォルダ (default: user cache)")
    parser.add_argument("--rebuild", action="store_true", help="すべて作り直す / build all again")
    parser.add_argument(
        "--watch", action="store_true", help="変わるたびに続けます / go on at every change"
    )
    parser.add_argument("--status", action="store_true", help="索引の様子 / how the store stands")
    parser.add_argument("--doctor", action="store_true", help="索引を調べる / examine the store")
    options = parser.parse_args(argv)
    writable(sys.stdout, sys.stderr)
    say = messages()
    notes = notes_folder(options.notes)
    store = store_folder(notes, options.store)
    try:
        if options.status or options.doctor:
            with Store(store) as opened:
                opened.must_be_of(check_folder(notes))
                well = (not options.status or show_status(opened)) and (
                    not options.doctor or show_findings(opened)
                )
            return 0 if well else 1
        if not options.watch or options.rebuild:
            with ProgressBars(say) as bars:
                report = build(notes, store, progress=bars, rebuild=options.rebuild)
            tell(report, say)
        if options.watch:
            told = partial(tell, say=say)
            with Store(store) as opened, Follower(notes, opened, told=told) as follower:
                follower.wait()
    except NotesError as error:
        say.print(str(error), style="red")
        return 1
    except KeyboardInterrupt:
        say.print(
            "中断しました。ここまでの分は残してあり、次の `python -m index` が続きから始めます。\n"
            "(Interrupted; what was done is kept, and the next run goes on from there.)"
        )
        return 130
    except BrokenPipeError:  # whoever reads has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def show_status(store: Store) -> bool:
    """Print how a store stands."""
    for what, how in status_lines(store):
        print(f"{what}: {how}")
    for line in skipped_lines(store.skipped()):
        print(line)
    return True


def show_findings(store: Store) -> bool:
    """Print what an examination finds, as it goes; whether all is well."""
    well = True
    for finding in examine(store):
        well = well and finding.well
        mend = "" if finding.well or not finding.mend else f"\n  → {finding.mend}"
        print(f"{'✓' if finding.well else '✗'} {finding.what}: {finding.said}{mend}", flush=True)
    return well


def tell(report: BuildReport, say: Console) -> None:
    """What a build found, for a person: remarks, what was skipped, and the closing line."""
    for remark in report.remarks:
        say.print(remark)
    for line in skipped_lines(report.skipped):
        say.print(line, style="dim")
    print(closing_line(report), flush=True)


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
