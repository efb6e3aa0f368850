"""Objects by themselves: their form, bounds and selectors, and the words of what is refused."""
