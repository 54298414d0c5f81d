"""The verbs of this repository: python3 tools VERB --help."""

import sys

sys.dont_write_bytecode = True

from check.command import main  # noqa: E402

if __name__ == "__main__":
    if sys.argv[1:2] != ["check"]:
        print("Usage: python3 tools check --help", file=sys.stderr)
        sys.exit(2)
    sys.exit(main(sys.argv[2:]))
