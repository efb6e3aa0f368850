"""The kinds of object the API holds.

`kinds` names them (and imports nothing heavy); the other files hold one pydantic model each;
`models` ties the two together. A field stands in a model only when something acts on it.
"""
