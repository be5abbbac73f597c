"""The map of the notes: drawn behind, and shown."""
