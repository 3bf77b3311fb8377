"""The morning after: what the store knows of a night, told as readiness, cost, peak, evidence and incidents.

``facts`` are what was written down, ``report`` what follows from it; all in between is pure. Only ``reading`` asks
the store, only ``page`` and ``picture`` draw.
"""
