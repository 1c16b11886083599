"""Whether pictures can be made here."""

from tests.suites.conftest import can_draw  # noqa: F401
