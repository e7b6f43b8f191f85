"""`python -m tilth` is the command `tilth`."""

from __future__ import annotations

from tilth.cli.main import main

if __name__ == "__main__":
    main()
