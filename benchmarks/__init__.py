"""Measurements and fitted constants: every figure in the README has its command here."""
