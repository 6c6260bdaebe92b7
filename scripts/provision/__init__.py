"""The environment in which the other scripts run: made in the checkout, or beside it.

Rules: the standard library only; nothing on stdout but the answer; an environment that was not
finished is never used.
"""
