"""The headers of answers, as the OpenAPI document describes them."""

from collections.abc import Mapping

HEADERS: Mapping[str, tuple[str, str]] = {
    "X-Request-ID": ("The id of this request, in the server's log too", "0192f3c1b2a47d108000"),
    "ETag": ("The version, for `If-Match` and `If-None-Match`", '"42"'),
    "Link": ('The next page, as `rel="next"`, while there is one', '</api/v1/users/me/tasks?cursor=AAY…>; rel="next"'),
    "Location": ("The address of the object", "/api/v1/users/me/tasks/0192f3c1-b2a4-7d10-8000-3b5d2f1c9e01"),
    "RateLimit": ("What is left to you: `r` requests; all of them again in `t` seconds", '"user";r=999;t=1'),
    "RateLimit-Policy": ("How much you may ask: `q` requests in `w` seconds", '"user";q=1000;w=60'),
    "Retry-After": ("Seconds after which to try again", "2"),
    "WWW-Authenticate": ("What to authenticate with (RFC 6750)", 'Bearer error="invalid_token"'),
}
