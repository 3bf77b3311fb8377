"""The night as it goes on: one tick after the other, each from facts to evidence."""

from dispatch.overnight.tick import preview, tick

__all__ = ["preview", "tick"]
