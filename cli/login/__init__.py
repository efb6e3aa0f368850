"""`kohakuriver login` and `logout`: a person's tokens from an OpenID Connect provider, kept and renewed; and
`ui`, which logs a browser in (ui.py).

login.py ─► flow.py (browser, or a code for another device) ─► provider.py ─► kept.py, the config file
kubectl, other commands ─► login --credential FILE ─► renewal.py ─► provider.py
"""
