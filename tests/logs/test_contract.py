"""Every backend passes the suite that authors of backends get; the fixture ``log`` makes each of them."""

from hindcast.testing.log_contract import *  # noqa: F403
