"""A cluster on this machine: `up`, `down`, and the supervisor behind them."""
