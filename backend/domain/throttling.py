"""How long somebody who tries passwords has to wait, and whom an address stands for. Pure."""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import NamedTuple

LONGEST_DELAY = 15 * 60
"""Seconds: long enough to make guessing hopeless, and nobody is locked out for good."""

_DOUBLINGS = LONGEST_DELAY.bit_length()


@dataclass(frozen=True, slots=True)
class Allowance:
    """`free` attempts in `window` seconds cost nothing; after each further one there is a wait, twice as long as the
    one before.
    """

    free: int
    window: int

    def delay_after(self, attempts: int) -> int:
        """Seconds to wait after this many attempts."""
        beyond = attempts - self.free
        return 0 if beyond <= 0 else min(LONGEST_DELAY, 1 << min(beyond - 1, _DOUBLINGS))


class Change(NamedTuple):
    """What to add to a count. Who counts first decides how many seconds it lasts. Of what is there, a negative amount
    takes something back, to no less than 0; an amount of 0 has it forgotten.
    """

    key: str
    seconds: int
    amount: int = 1
    new_only: bool = False
    """Not where what is asked about is known."""


def account_of(typed: str) -> str:
    """What stands for an account, however its name is typed: whatever the database takes for the same is the same."""
    # The one capital that databases make another small letter of than Python does.
    return typed.replace("\u0130", "i").casefold()


@lru_cache(maxsize=4_096)
def network_of(address: str) -> str:
    """Who an address stands for: of IPv6 the network of 64 bits, which one household or server has to itself."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address  # of a socket that has no IP address
    if isinstance(ip, IPv6Address):
        return str(ip.ipv4_mapped or ip_network((ip, 64), strict=False))
    return str(ip)
