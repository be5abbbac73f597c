"""Keeping a store as its notes folder is: once, before a question, and all the time."""
