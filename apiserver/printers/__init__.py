"""The forms of an answer: whole, as metadata alone, as a table."""
