"""Change systems: where change requests live, one file each."""
