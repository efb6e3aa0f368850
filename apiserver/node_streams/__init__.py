"""The connections of agents, and what has been asked of them."""
