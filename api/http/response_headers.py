"""The headers that every response gets: for security, for caches, and the request's id.

A response keeps a `POLICY` and a `Cache-Control` of its own. Without one, `Cache-Control` is
`no-store`: personal data must be in no cache, and a new route must not be forgotten. Only the reads
that are listed as public can be kept, if they are checked again each time.
"""

from collections.abc import Collection, Sequence

RawHeaders = Sequence[tuple[bytes, bytes]]
POLICY = "Content-Security-Policy"
_DIRECTIVES = {
    "default-src": "'none'",
    "style-src": "'self'",
    "script-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
# What no page uses. `clipboard-write` is missing: a button copies a partner's line.
_DENIED = (
    "accelerometer",
    "autoplay",
    "camera",
    "display-capture",
    "encrypted-media",
    "fullscreen",
    "geolocation",
    "gyroscope",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "picture-in-picture",
    "publickey-credentials-get",
    "screen-wake-lock",
    "usb",
    "xr-spatial-tracking",
)


def content_policy(**changes: str) -> str:
    """Returns the policy of all pages with some directives changed, such as `frame_src="'self'"`.

    A route that sends it in its `POLICY` header changes the policy of its own page only.
    """
    changed = {name.replace("_", "-"): value for name, value in changes.items()}
    return "; ".join(f"{name} {value}" for name, value in (_DIRECTIVES | changed).items())


HEADERS = {
    # Links in emails have a token, which other sites must not see.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
# For what a browser shows. They mean nothing for data, and each costs the hot route half a
# microsecond.
OF_DOCUMENTS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in _DENIED),
}
# What pages of other sites load. A form in a sandboxed frame has no origin, so that it could not
# load its own style sheet if that were for our origin alone.
SHARED = ("/brand/", "/embed/", "/pictures/", "/static/", "/widget/", "/favicon.ico")
REQUEST_ID = b"x-request-id"
_POLICY = POLICY.lower().encode()
_CACHING = b"cache-control"
_TYPE = b"content-type"
_NO_STORE, _CHECKED = b"no-store", b"no-cache"
_SHARING = b"cross-origin-resource-policy"
_HSTS = (b"strict-transport-security", b"max-age=31536000")


class ResponseHeaders:
    """Finds the headers that a response still needs.

    `public` has the templates of the routes whose good answers to GET a cache may keep.
    """

    def __init__(self, *, is_https: bool, public: Collection[str]) -> None:
        every = [*_raw(HEADERS), *([_HSTS] if is_https else [])]
        self._public = frozenset(public)
        # Lists that are made once cost the hot route nothing. They differ by whether the response
        # has a policy, is data, may be loaded by other sites, and what caches may do.
        self._lists = {
            (has_policy, is_data, is_shared, caching): [
                *every,
                *([] if is_data else _raw(OF_DOCUMENTS)),
                *(() if has_policy else ((_POLICY, content_policy().encode()),)),
                (_SHARING, b"cross-origin" if is_shared else b"same-origin"),
                *([(_CACHING, caching)] if caching else []),
            ]
            for has_policy in (True, False)
            for is_data in (True, False)
            for is_shared in (True, False)
            for caching in (_NO_STORE, _CHECKED, None)
        }

    def missing(self, path: str, given: RawHeaders, template: str | None) -> RawHeaders:
        """Returns the headers to add to those `given`.

        `template` is the route's if this is a good answer to a reading request, or else None.
        """
        names = dict(given)
        caching = None
        if _CACHING not in names:
            caching = _CHECKED if template in self._public else _NO_STORE
        is_data = names.get(_TYPE, b"").startswith(b"application/")
        return self._lists[_POLICY in names, is_data, path.startswith(SHARED), caching]


def _raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]
