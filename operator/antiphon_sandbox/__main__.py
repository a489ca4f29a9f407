"""`python -m antiphon_sandbox`: a Kubernetes for one machine."""

import sys

from antiphon_sandbox.commands import main

if __name__ == "__main__":
    sys.exit(main())
