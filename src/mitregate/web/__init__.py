"""The doors: HTTP in, HTML and JSON out."""
