"""Keeps the libraries that kikigaki stands on silent; importing it sets their switches.

kikigaki sends nothing anywhere, but some of its libraries do by default: ONNX Runtime from 1.29 on
reports to its maker from native code, before any call of its Python API could stop it; Gradio and
huggingface_hub count their users and look for newer versions. The environment is what all of them
read in time, and what child processes inherit. So each package here imports this module first.
"""

from __future__ import annotations

import os

SILENT = {  # whatever they were set to: nobody chose kikigaki to send reports
    "ORT_DISABLE_TELEMETRY": "1",  # no upload, no device id, no database of events
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "DO_NOT_TRACK": "1",  # the convention that further libraries may go by
}
os.environ.update(SILENT)
