"""What `python -m mitregate` runs: the command line."""

import sys

from mitregate.cli import main

if __name__ == "__main__":
    sys.exit(main())
