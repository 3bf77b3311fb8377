"""Brings a plan to the chargers over OCPP and proves that they obey."""
