"""Which system a command talks to: an address that was given, the one that runs on a data directory, or only its log."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hindcast.cli.output import Option, each

if TYPE_CHECKING:
    from events.log import LogReader
    from hindcast.client import Client

data_dir_option: Option = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default="data",
    envvar="HINDCAST_DATA_DIR",
    show_default=True,
    show_envvar=True,
    help="The system's directory.",
)
json_option: Option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
target_options: Option = each(
    data_dir_option,
    click.option("--address", envvar="HINDCAST_ADDRESS", show_envvar=True, help="A system elsewhere, as a URL."),
    click.option("--key", envvar="HINDCAST_KEY", show_envvar=True, help="Its API key (here: the directory's own)."),
)


@dataclass(frozen=True, slots=True)
class Target:
    """``address`` and ``key`` win over ``data_dir``."""

    data_dir: Path
    address: str | None
    key: str | None

    def client(self, tries: int = 5) -> Client:
        """Raises ``Rejected`` where no system runs on the directory and no address was given."""
        from hindcast.client import Client
        from hindcast.client.address import place_of

        if self.address is not None:
            return Client(self.address, self.key or self._own_key(self.address), tries=tries)
        address, key = place_of(self.data_dir)
        return Client(address, self.key or key, tries=tries)

    def _own_key(self, address: str) -> str | None:
        """The directory's key, if that address is the directory's system: keys are not shown to strangers."""
        from hindcast.datadir import DataDir

        running = DataDir(self.data_dir).started()
        if running is None or running.address.rstrip("/") != address.rstrip("/"):
            return None
        return DataDir(self.data_dir).admin_key

    def runs(self) -> bool:
        """Whether there is a system to ask over HTTP; one that is just starting is waited for."""
        from hindcast.datadir import DataDir

        return self.address is not None or DataDir(self.data_dir).started() is not None

    @contextmanager
    def log(self) -> Generator[LogReader, None, None]:
        """The directory's log, read without a system. Raises ``Rejected`` where there is none."""
        from hindcast.log_place import log_in

        log = log_in(self.data_dir).open(woken=False)
        try:
            yield log
        finally:
            log.close()
