"""Formats: bytes to values and back, still without touching the world."""
