"""From a folder of notes to a store that can be searched.

read_notes → split → tokenize / encode → Store; build does it all, open_store opens the result.
"""

import index.offline  # noqa: F401 - first, as libraries read its switches when they are imported
from index.errors import NotesError
from index.filters import Filter
from index.storage.searcher import Searcher
from index.storage.store import Store, open_store
from index.sync.build import BuildReport, build

__all__ = ["BuildReport", "Filter", "NotesError", "Searcher", "Store", "build", "open_store"]
