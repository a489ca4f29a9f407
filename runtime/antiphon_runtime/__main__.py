"""`python -m antiphon_runtime` is `antiphon-runtime`."""

import sys

from antiphon_runtime.main import main

sys.exit(main())
