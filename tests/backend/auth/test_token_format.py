"""Which strings are tokens, and how strictly the header is read."""

from __future__ import annotations

import base64
import json
import zlib

import pytest

from seamwatch.backend.auth.token_format import new_token, parse_bearer, parse_token


def _jwt(header: dict[str, str], claims: dict[str, object], signature: str = "c2ln") -> str:
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in (header, claims)
    ]
    return ".".join([*parts, signature])


VALID = new_token().text
ID, BODY = VALID[4:16], VALID[17:]
SWAPPED = (
    BODY[1] + BODY[0] + BODY[2:]
    if BODY[0] != BODY[1]
    else BODY[:-1] + ("0" if BODY[-1] != "0" else "1")
)

FORGED = {
    "empty": "",
    "only the scheme": "Bearer",
    "scheme and a space": "Bearer ",
    "no scheme": VALID,
    "basic": "Basic " + base64.b64encode(f"{ID}:{BODY}".encode()).decode(),
    "digest": f"Digest {VALID}",
    "token scheme": f"Token {VALID}",
    "scheme twice": f"Bearer Bearer {VALID}",
    "two spaces": f"Bearer  {VALID}",
    "tab for the space": f"Bearer\t{VALID}",
    "space before": f" Bearer {VALID}",
    "space after": f"Bearer {VALID} ",
    "line feed after": f"Bearer {VALID}\n",
    "carriage return and header": f"Bearer {VALID}\r\nX-Tenant: other",
    "NUL after": f"Bearer {VALID}\0",
    "NUL inside": f"Bearer {VALID[:20]}\0{VALID[21:]}",
    "two tokens, comma": f"Bearer {VALID}, Bearer {VALID}",
    "two tokens, space": f"Bearer {VALID} {VALID}",
    "quoted": f'Bearer "{VALID}"',
    "padded with =": f"Bearer {VALID}=",
    "percent encoded": "Bearer " + VALID.replace("_", "%5F"),
    "no-break space": f"Bearer\u00a0{VALID}",
    "zero width space": f"Bearer {VALID}\u200b",
    "full width digits": f"Bearer swk_{ID}_{BODY[:-1]}\uff11",
    "arabic digits in the id": "Bearer swk_" + "\u0661" * 12 + f"_{BODY}",
    "prefix in upper case": f"Bearer SWK_{ID}_{BODY}",
    "other prefix": f"Bearer swp_{ID}_{BODY}",
    "no prefix": f"Bearer {ID}_{BODY}",
    "id only": f"Bearer swk_{ID}",
    "id too short": f"Bearer swk_{ID[1:]}_{BODY}",
    "id too long": f"Bearer swk_{ID}A_{BODY}",
    "secret empty": f"Bearer swk_{ID}_",
    "secret cut": f"Bearer swk_{ID}_{BODY[:-1]}",
    "secret longer": f"Bearer swk_{ID}_{BODY}A",
    "secret in upper case": f"Bearer swk_{ID}_{'A' * 43}{BODY[43:]}",
    "two characters swapped": f"Bearer swk_{ID}_{SWAPPED}",
    "checksum zeroed": f"Bearer swk_{ID}_{BODY[:43]}!00000",
    "other token's id": f"Bearer swk_{new_token().token_id}_{BODY}",
    "SQL in the id": f"Bearer swk_' OR '1'='1_{BODY}",
    "path in the id": f"Bearer swk_../../etc/pwd_{BODY}",
    "wildcards": "Bearer swk_%%%%%%%%%%%%_" + "_" * 49,
    "JWT alg none": "Bearer " + _jwt({"alg": "none"}, {"sub": "admin"}, ""),
    "JWT HS256": "Bearer " + _jwt({"alg": "HS256"}, {"roles": ["admin"]}),
    "JWT kid injection": "Bearer " + _jwt({"alg": "RS256", "kid": "x' UNION SELECT 1--"}, {}),
    "JWT jku": "Bearer " + _jwt({"alg": "RS256", "jku": "https://attacker.example/jwks"}, {}),
    "JWT expired": "Bearer " + _jwt({"alg": "ES256"}, {"exp": 1}),
    "huge": "Bearer swk_" + "A" * 100_000,
    "valid and huge tail": f"Bearer {VALID}" + "A" * 600,
    "valid and huge head": "Bearer " + " " * 600 + VALID,
    "invalid surrogate": f"Bearer {VALID[:-1]}\udc80",
}


@pytest.mark.parametrize("header", list(FORGED.values()), ids=list(FORGED))
def test_forged_header_is_refused_without_a_query(header: str) -> None:
    assert parse_bearer(header) is None


def test_forged_headers_are_at_least_forty() -> None:
    assert len(FORGED) >= 40


def test_token_that_was_made_is_read_back() -> None:
    made = new_token()

    read = parse_bearer(f"Bearer {made.text}")

    assert read == made


def test_scheme_is_read_in_any_case() -> None:
    assert parse_bearer(f"bEARER {VALID}") is not None


def test_token_has_twelve_characters_of_id_and_forty_nine_of_secret_and_checksum() -> None:
    prefix, token_id, rest = VALID.split("_")

    assert (prefix, len(token_id), len(rest)) == ("swk", 12, 49)


def test_thousand_tokens_differ_in_id_and_secret() -> None:
    made = [new_token() for _ in range(1000)]

    assert len({token.token_id for token in made}) == len({token.secret for token in made}) == 1000


def test_repr_of_a_token_shows_its_id_only() -> None:
    token = new_token()

    assert repr(token) == f"ParsedToken(token_id={token.token_id!r})"


def test_checksum_is_the_crc_32_of_all_before_it_in_base62() -> None:
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    number = 0
    for character in VALID[-6:]:
        number = number * 62 + alphabet.index(character)

    assert number == zlib.crc32(VALID[:-6].encode())
    assert parse_token(VALID) is not None
