"""The web page, which is one more client of the API: its files, and the sessions of browsers that use it."""
