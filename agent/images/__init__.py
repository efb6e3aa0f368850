"""Where images come from, and which are there."""
