"""Benchmarks: how fast Mitregate is, each figure as a ratio to a ceiling that is measured beside it.

Run `python -m benchmarks`; the README in this folder says what each figure means.
"""
