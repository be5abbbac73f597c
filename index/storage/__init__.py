"""What is kept of the notes in one SQLite file, and search over it."""
