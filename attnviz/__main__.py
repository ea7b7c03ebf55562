"""Run the command line as `python -m attnviz`."""

import sys

from attnviz.cli import main

sys.exit(main())
