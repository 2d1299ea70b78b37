"""What nobody may choose as a password: whatever is guessed first."""

import subprocess
import sys

import pytest

from backend.auth.password_rules import common_passwords, refuse_guessable
from backend.domain.errors import InvalidInput
from tests.factories.clients import PASSWORD

EMAIL, NAME = "ada.lovelace@example.com", "Ada King-Noel"


def refusal(password: str, *about: str) -> str | None:
    """The code with which a password is refused."""
    try:
        refuse_guessable(password, about, "new_password")
    except InvalidInput as refused:
        (fault,) = refused.faults
        assert fault.field == "new_password"
        return fault.code
    return None


@pytest.mark.parametrize(
    "password",
    [
        *("12345678", "password", "PassWord", "qwertyuiop", "iloveyou", "1qaz2wsx", "Password1!", "  iloveyou 2027"),
        *("12345678!", "123456789 ", "1234567890!", "11111111!", "abcdefgh!"),
        *("00000000", "aaaaaaaA", "        ", "abcdefgh", "87654321", "x" * 16),
    ],
)
def test_a_common_password_is_refused_in_any_case_with_anything_around_it_and_so_is_a_row(password: str) -> None:
    assert refusal(password) == "common_password"


def test_the_list_has_the_3000_most_common_of_those_that_are_long_enough() -> None:
    # ASVS 5 requirement 6.2.4. These stand at the head of what others have counted in leaks.
    others_have = """
        password 12345678 123456789 1234567890 12345678910 123123123 987654321 12341234 12121212 11223344 00000000
        password1 password123 Passw0rd! P@ssw0rd qwerty123 qwertyuiop qwer1234 1q2w3e4r 1qaz2wsx zaq12wsx asdfghjkl
        iloveyou princess sunshine football baseball superman starwars trustno1 whatever computer internet letmein1
        michelle jennifer elizabeth jonathan victoria samantha chocolate butterfly liverpool welcome1 changeme testtest
        abcd1234 abc12345 aa123456 a123456789 147258369 66666666 monkey123 minecraft pokemon123 admin123 12344321
    """
    assert [password for password in others_have.split() if refusal(password) != "common_password"] == []
    assert len(common_passwords()) >= 3_000
    assert all(len(password) >= 8 and password == password.casefold() for password in common_passwords())


@pytest.mark.parametrize(
    "password",
    [
        "donewell",
        "Donewell",
        "Donewell2027!",
        "  donewell  ",
        EMAIL,
        EMAIL.upper(),
        "ada.lovelace",
        "Ada.Lovelace1815",
        "ada.lovelaceexample.com",
        "example.com",
        NAME,
        "ada king-noel!",
        "adaking-noel",
        "King-Noel",
    ],
)
def test_what_is_known_of_the_owner_or_the_service_is_no_password(password: str) -> None:
    assert refusal(password, EMAIL, NAME) == "guessable_password"


@pytest.mark.parametrize(
    "password",
    [
        PASSWORD,
        "12345678 and some",
        "donewell is my to-do list",
        "ada wrote the first program",
        "gr\u00fc\u00dfe an alle",
        "aaaaaaab",
        "acegikmo",
        "x" * 256,
    ],
)
def test_any_other_is(password: str) -> None:
    assert refusal(password, EMAIL, NAME) is None


def test_what_somebody_else_is_called_is_none_of_our_business() -> None:
    assert refusal("ada.lovelace", "grace@example.org", "Grace Hopper") is None


def test_a_start_does_not_read_the_list() -> None:
    script = "import sys, backend.main; sys.exit('zxcvbn' in sys.modules or 'common_passwords' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
