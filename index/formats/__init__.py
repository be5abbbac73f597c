"""From a file's bytes to text: one module a kind of file, and what a note says of itself."""
