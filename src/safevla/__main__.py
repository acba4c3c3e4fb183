"""`python -m safevla`: the command, where it is not on the path."""

import sys

from safevla.cli import main

sys.exit(main())
