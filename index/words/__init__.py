"""From text to words: what a reader sees, how it is cut, how it sounds, and dates."""
