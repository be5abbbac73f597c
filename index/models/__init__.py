"""Encoders: which one is configured, how it is run, and with which prompts."""
