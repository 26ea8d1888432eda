"""A stand-in until the eager strategy exists."""

from engine.strategies.ema_trend import EmaTrend as Eager

__all__ = ["Eager"]
