"""How often the right lines are found, and refusals are right: what `qa.evaluate` shows."""
