"""How many bytes the body of a request may have.

Anybody can send a body, and no other request is handled while one is read.
"""

LARGEST_BODY = 200_000
"""A letter, the largest of the usual bodies, has a few thousand bytes."""

LARGEST_PICTURE = 10_000_000
"""The file of a picture or a logo, as it is."""

LARGEST_FORM = LARGEST_PICTURE + LARGEST_BODY
"""A form of the desk that holds one."""

LARGEST_BODIES = {
    "/edit/look": LARGEST_FORM,
    "/organiser/look/logo": LARGEST_FORM,
    "/organisation/logo": LARGEST_PICTURE,
    "/picture": LARGEST_PICTURE,
    "/signatures/bulk": 21_000_000,
    "/letters/variants": 2_000_000,
    "/letters/variants/preview": 2_000_000,
}
"""The larger limits, by how a path ends."""


def largest_body(path: str) -> int:
    """Returns the limit for a path, in bytes."""
    return next(
        (limit for end, limit in LARGEST_BODIES.items() if path.endswith(end)), LARGEST_BODY
    )
