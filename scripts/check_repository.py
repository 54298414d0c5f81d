#!/usr/bin/env python3
"""`python3 tools check .` for a repository that this template did not make.

What .pre-commit-hooks.yaml and action.yml run. Standard library only, Python 3.9.
"""

import sys
from pathlib import Path

TOOLS = Path(__file__).resolve().parent.parent / "{{cookiecutter.project_slug}}" / "tools"

if __name__ == "__main__":
    # A cache beside the tools would be generated too.
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(TOOLS))
    from check.command import main

    sys.exit(main(sys.argv[1:], Path.cwd()))
