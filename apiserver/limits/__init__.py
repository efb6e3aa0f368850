"""How much one credential may ask for at a time: tokens, shares, weights, turns."""
