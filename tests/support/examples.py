"""How many examples a property is tried on."""

import os


def examples(count: int) -> int:
    """All of them in `make soak`, a quarter else: `make test` has to stay short."""
    return count if os.environ.get("EXAMPLES") == "all" else count // 4
