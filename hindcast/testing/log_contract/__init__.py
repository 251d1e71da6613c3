"""What every log promises, whatever stores it: the suite that a backend passes.

A test module of the backend imports everything of this package, and has a fixture ``log`` that makes an empty log.
"""

from hindcast.testing.log_contract.commits import *  # noqa: F403
from hindcast.testing.log_contract.reads import *  # noqa: F403
from hindcast.testing.log_contract.upkeep import *  # noqa: F403
from hindcast.testing.log_contract.waits import *  # noqa: F403
