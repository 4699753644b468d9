"""The system's Chromium, for tests, benches and drills."""

import shutil

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# Without these, Chromium sends requests to its maker at every start.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
