"""Stand-ins for what the programs meet, which keep the same rules: the contract tests hold them to that."""
