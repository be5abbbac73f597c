"""Measurements and fitted constants: every figure in the README has its command here."""

import index.offline  # noqa: F401 - before the libraries that it keeps silent
