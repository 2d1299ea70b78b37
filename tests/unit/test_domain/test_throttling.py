"""How long to wait after so many attempts, and whom an address stands for."""

import pytest

from backend.domain.throttling import LONGEST_DELAY, Allowance, network_of


def test_the_delay_grows_and_has_an_end() -> None:
    allowance = Allowance(free=5, window=86_400)

    delays = [allowance.delay_after(attempts) for attempts in range(20)]

    assert delays[:6] == [0] * 6
    assert delays[6:16] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
    assert delays[16:] == [LONGEST_DELAY] * 4
    assert allowance.delay_after(10**9) == LONGEST_DELAY == 15 * 60
    assert allowance.delay_after(-3) == 0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.8", "192.0.2.8"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:1::/64"),
        ("2001:DB8::2:0:0:0:1", "2001:db8:0:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("a socket", "a socket"),
    ],
)
def test_an_address_stands_for_itself_or_for_its_network_of_64_bits(address: str, network: str) -> None:
    assert network_of(address) == network
