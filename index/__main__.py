"""python -m index: bring the store up to date with the notes folder, and say what changed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial

from rich.console import Console

from index.doctor import examine
from index.folder import check_folder
from index.messages import said
from index.settings import notes_folder, store_folder
from index.status import status_lines
from index.storage.store import Store
from index.sync.build import BuildReport, build
from index.sync.watch import Follower
from index.terminal import ProgressBars, command, messages, skipped_lines

COUNTED = ("added", "changed", "removed", "unchanged", "passages", "encoded", "seconds")


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status: 0 done, 1 a named error, 130 interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m index",
        description=said("index_does").local,
    )
    parser.add_argument("--notes", metavar="DIR", help=said("notes_flag").local)
    parser.add_argument("--store", metavar="DIR", help=said("store_flag").local)
    parser.add_argument("--rebuild", action="store_true", help=said("rebuild_flag").local)
    parser.add_argument("--watch", action="store_true", help=said("watch_flag").local)
    parser.add_argument("--status", action="store_true", help=said("status_flag").local)
    parser.add_argument("--doctor", action="store_true", help=said("doctor_flag").local)
    options = parser.parse_args(argv)
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
    except KeyboardInterrupt:
        say.print(said("interrupted").local)
        return 130
    return 0


def show_status(store: Store) -> bool:
    """Print how a store stands."""
    for what, how in status_lines(store):
        print(f"{what.local}: {how.local}")
    for line in skipped_lines(store.skipped()):
        print(line)
    return True


def show_findings(store: Store) -> bool:
    """Print what an examination finds, as it goes; whether all is well."""
    well = True
    for finding in examine(store):
        well = well and finding.well
        mend = "" if finding.well or not finding.mend else f"\n  → {finding.mend.local}"
        sign = "✓" if finding.well else "✗"
        print(f"{sign} {finding.what.local}: {finding.said.local}{mend}", flush=True)
    return well


def tell(report: BuildReport, say: Console) -> None:
    """What a build found, for a person: remarks, what was skipped, and the closing line."""
    for remark in report.remarks:
        say.print(remark.local)
    for line in skipped_lines(report.skipped):
        say.print(line, style="dim")
    facts = {name: getattr(report, name) for name in COUNTED}
    print(said("built", skipped=len(report.skipped), **facts).local, flush=True)


if __name__ == "__main__":
    sys.exit(main())
