"""The chat's web server: who is let in, with how much, and what goes wrong."""
