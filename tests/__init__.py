"""What several tests share."""

import sys

import pytest

# Signals, modes of files, shells:
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="of POSIX systems")
