"""The acceptance test of one charge point: what it takes, what it shows, and what a meter says that it does.

Trials ask one question each (``forms``, ``shown``, ``driven``, ``together``, ``parted``) on a ``bench``, which sends
nothing that the site could not ``bear``; ``course`` has their order; what they find stands in a ``protocol``.
"""
