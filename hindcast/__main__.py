"""``python -m hindcast``: the same as the ``hindcast`` command."""

from hindcast.cli import main

if __name__ == "__main__":
    main()
