"""Tests, in the packages of what they test."""

import gc

# Imports and collected tests make millions of objects and no garbage. tests/conftest.py starts the
# garbage collector when all is collected.
gc.disable()
