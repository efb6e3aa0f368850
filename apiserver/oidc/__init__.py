"""People who log in with an OpenID Connect provider: is a token good, and whom does it name."""
