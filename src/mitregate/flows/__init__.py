"""Use cases: load, decide, keep; plain functions over a unit of work."""
