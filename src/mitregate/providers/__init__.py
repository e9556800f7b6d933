"""Providers: the tools that are held and told, one file each."""
