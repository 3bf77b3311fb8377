"""A whole night on one desk: gateway, dispatcher, charge points and vehicles in one process, on a virtual clock.

:mod:`~dispatch.rehearsal.faults` says what goes wrong, :mod:`~dispatch.rehearsal.applied` what that makes true,
:mod:`~dispatch.rehearsal.night` lets it happen, :mod:`~dispatch.rehearsal.site` measures it, and
:mod:`~dispatch.rehearsal.verdict` judges. :mod:`~dispatch.rehearsal.keeper` and :mod:`~dispatch.rehearsal.cron` are the
product's processes, which can be killed; :mod:`~dispatch.rehearsal.chaos` draws many nights,
:mod:`~dispatch.rehearsal.reproduction` makes those small that break a promise.
"""
