"""Telling people at night: what arises from a tick, what of it is due to be told, in which words, and by which way.

:mod:`~dispatch.alerts.arising` and :mod:`~dispatch.alerts.deciding` are pure, :mod:`~dispatch.alerts.ways` sends, and
:mod:`~dispatch.alerts.telling` puts them together around the store.
"""

from dispatch.alerts.telling import Teller, Told, teller_of

__all__ = ["Teller", "Told", "teller_of"]
