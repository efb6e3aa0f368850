"""GET one, GET many, and the event stream."""
