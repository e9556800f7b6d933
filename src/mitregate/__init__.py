"""Mitregate, a self-hosted deployment gate that fails closed."""

__version__ = "0.1.0"
