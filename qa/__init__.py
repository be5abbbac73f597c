"""From a question to the exact lines that answer it.

standalone → read_question → search (fuse) → confidence → choose → Answer; ask does it all.
"""

from qa.answer import Answer, ask
from qa.citations import Citation
from qa.hit import Hit
from qa.retrieve import retrieve

__all__ = ["Answer", "Citation", "Hit", "ask", "retrieve"]
