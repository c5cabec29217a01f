"""A zoo of values that nobody would write by hand, for every place that reads what somebody else wrote."""

import base64
import json
import zlib

HALF = "\ud800"
"""Half a character: Python holds it, nothing can send or draw it."""
TEXTS = [
    "",
    " ",
    "\0",
    "a\0b",
    HALF,
    f"x{HALF}",
    "\ud83d\ude00",
    "\ufeff\u200b\u202e",
    "\u2028",
    "a\u0300" * 50,
    "<script>alert(1)</script>",
    "[x](javascript:1)",
    "$x$ %{y} {0} {__class__}",
    "=1+1",
    "../../etc/passwd",
    "x" * 100_000,
]
NUMBERS = [
    "nan",
    "NaN",
    "inf",
    "-Infinity",
    "1e400",
    "1e999",
    "-1e999",
    "1e-400",
    "9" * 30,
    "9" * 400,
    "-" + "9" * 5000,
    "0x10",
    "1_000",
    "１２",
    "٣",
    "1,5",
    "--1",
    "+1",
    " 1",
    "1.",
    ".5",
    "-0",
    "-1",
    "999999999",
    "2147483648",
    "1.5",
    "true",
    "null",
]
JSON_VALUES = [
    "null",
    "true",
    "1",
    "1.5",
    "-1",
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "-1e999",
    "9" * 30,
    "9" * 400,
    "9" * 5000,
    "1e308",
    "1e-320",
    '""',
    '"x"',
    '"\\ud800"',
    '"\\udc00x"',
    '"\\ud83d\\ude00"',
    '"\\\\ud800"',
    '"\\u0000"',
    '"\\u202e"',
    "[]",
    "{}",
    "[1]",
    '["x"]',
    '["\\ud800"]',
    '[["x"]]',
    '{"a":1}',
    '{"a":"\\ud800"}',
    '{"a":1,"a":2}',
    "[" * 3000 + "]" * 3000,
]
"""Of which JSON is made; some of them are none."""
JSON_TEXTS = [
    *JSON_VALUES,
    "[",
    "{",
    "[" * 20_000,
    '{"a":' * 5000,
    "[{}]" * 2,
    "[{},{},{},{},{}]",
    '[{"a":1}]',
    '{"templates":5}',
    HALF,
    "\ufeff[]",
    "[{}] x",
    "'x'",
    "[{'a':1}]",
    "[{}" + "," * 9 + "]",
]


def with_each(whole: dict[str, object]) -> list[str]:
    """JSON of `whole` with each of JSON_VALUES in the place of each of its fields, and as a field of its own."""
    places = [json.dumps({**whole, name: "@"}) for name in (*whole, "unknown")]
    return [text.replace('"@"', value) for text in places for value in JSON_VALUES]


def packed(data: bytes) -> str:
    """As a compressed parameter of a link, also what no link would carry."""
    return base64.urlsafe_b64encode(zlib.compress(data)).decode().rstrip("=")


PACKED = [
    *(packed(data) for data in (b"", b"a\0b", b"\xed\xa0\x80x", b"\xff\xfe", b"a" * (5 << 20))),
    packed(b"The cat") + "AAAA",
    packed(b"The cat") * 2,
    packed(b"The cat")[:-4],
    "e",
    "!!!!",
    "eNp7u6ChAgAHEAKG",
]
