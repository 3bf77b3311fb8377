"""Simulated charge points with vehicles on them: separate clients of a gateway, and a second opinion on it.

Nothing here shares code with the dispatcher's own reading of charging profiles.
"""
