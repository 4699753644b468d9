"""What a fork of a command has from its parent: the service, and certificates that it has read.

The parent imports this before it forks.
"""

import gc

import main
from core.settings import Settings
from services.parliament.official import http

__all__ = ["main"]
http.make_client(Settings.model_fields["motions_api_url"].default).close()
# A garbage collection would copy the memory that a fork shares with its parent.
gc.collect()
gc.freeze()
