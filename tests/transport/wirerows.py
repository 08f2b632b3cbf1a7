"""The fault matrix, rows 1 to 54: name look-up, connection, TLS, head, body, and what the answer says."""

import gzip
import json
import ssl
import sys
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count

from fakes import SECRET
from misbehaviour import (
    FAR,
    answer,
    at,
    at_a_full_backlog,
    at_two_addresses,
    behind_tls,
    blurts,
    certified,
    closes,
    head,
    nowhere,
    reads_nothing,
    redirecting,
    refuses_in_tls,
    repeats,
    resets,
    retorts,
    sends,
    sends_and_resets,
    sends_and_stalls,
    stalls,
)
from nameserver import SERVFAIL, Records, Zone, has
from servers import GOOD
from wirecase import (
    SUCCESS,
    Case,
    addresses,
    case,
    departs,
    has_error,
    has_status,
    knows_when_the_certificate_ends,
    lives,
    puts_off,
)

from exporter.catalogue import Departure

_turn = count()

ZONE: Zone = {
    "empty.test": has(),
    "late.test": has("127.0.0.1", late=0.1),
    "many.test": has(*(f"127.1.{n // 250}.{n % 250 + 1}" for n in range(1000))),
    "moving.test": lambda: Records((f"127.0.0.{next(_turn) // 2 % 2 + 1}",)),
    "only-v6.test": has("::1"),
    "servfail.test": has(code=SERVFAIL),
    "silent.test": has(silent=True),
    "v6-and-v4.test": has("::1", "127.0.0.1"),
}
"""The names of rows 1 to 4. A and AAAA are asked for at once, so a name that moves does so at every second question."""

PAST = datetime.now(UTC) - timedelta(days=2)
IN_AN_HOUR = datetime.now(UTC) + timedelta(hours=1)
CHUNKED = head("200 OK", "Transfer-Encoding: chunked")
INVALID_CLIENT = f'{{"error": "invalid_client", "error_description": "secret {SECRET} is wrong"}}'
INTERIM = head("103 Early Hints", "Link: </style.css>; rel=preload")
LONG = {"scope": "x" * 60_000}


def writes(row: int, name: str, pieces: bytes | tuple[bytes, ...], *expected: str, **others: object) -> Case:
    """A case of a server without TLS that reads the request, writes this, and ends the connection."""
    return case(row, name, at(sends(*(pieces if isinstance(pieces, tuple) else (pieces,)))), *expected, **others)


def says(row: int, name: str, body: bytes | str, *expected: str, status: str = "200 OK", **others: object) -> Case:
    """A case in which only the body matters."""
    return case(row, name, at(sends(answer(body, status))), *expected, **others)


def issues(row: int, name: str, expected: str, **changes: object) -> Case:
    """A case of a token response in which some fields are different; None takes one out."""
    fields = json.loads(GOOD) | changes
    body = json.dumps({key: value for key, value in fields.items() if value is not None})
    return says(row, name, body, expected)


def throttles(row: int, name: str, after: str, seconds: tuple[float, float], status: str = "429 No") -> Case:
    """A case in which the provider asks not to be asked for a while."""
    outcome = "http/throttled" if status.startswith("429") else "http/server_error"
    place = at(sends(answer("{}", status, f"Retry-After: {after}")))
    return case(row, name, place, outcome, checks=(puts_off(*seconds),))


AT_ONCE, HALF_A_MINUTE, AT_MOST = (-0.5, 0.5), (29.0, 31.0), (239.0, 241.0)
WIDE = "\uff11\uff12".encode().decode("latin-1")

LOOK_UP = (
    case(1, "nxdomain", nowhere("http://nobody.test:{port}/"), "dns/nxdomain"),
    case(1, "no such top-level domain", nowhere("http://login.invalid:{port}/"), "dns/nxdomain"),
    case(2, "servfail", nowhere("http://servfail.test:{port}/"), "dns/failed"),
    case(2, "name server dead", nowhere("http://silent.test:{port}/"), "dns/timeout"),
    case(2, "name server slow", at(sends(answer()), "late.test"), SUCCESS),
    case(3, "no address", nowhere("http://empty.test:{port}/"), "dns/no_address"),
    case(3, "only v6, nobody there", nowhere("http://only-v6.test:{port}/"), "connect/refused", "connect/unreachable"),
    case(3, "v6 dead, v4 well", at(sends(answer()), "v6-and-v4.test"), SUCCESS, checks=(addresses("127.0.0.1"),)),
    case(3, "1000 dead addresses", nowhere("http://many.test:{port}/"), "connect/refused"),
    case(4, "moves", at_two_addresses, SUCCESS, attempts=2, checks=(addresses("127.0.0.1", "127.0.0.2"),)),
)

CONNECT = (
    case(5, "refused", nowhere("http://127.0.0.1:{port}/"), "connect/refused"),
    case(5, "refused over v6", nowhere("http://[::1]:{port}/"), "connect/refused", "connect/unreachable"),
    case(6, "black hole", at_a_full_backlog, "connect/timeout"),
    # Linux refuses TCP to a multicast address as it does where there is no route, whatever the machine's routes.
    case(7, "no route", nowhere("http://224.0.0.1:{port}/"), "connect/unreachable"),
)

OLD = ssl.TLSVersion.TLSv1_2
WELL = sends(answer())
SHOWN = (knows_when_the_certificate_ends,)
STRICT, OLD_AND_STRICT = certified(demands_client=True), certified(demands_client=True, version=OLD)
HANDSHAKE, NO_MORE = ("tls/handshake", "tls/reset"), ("headers/reset", "headers/closed")
PROTOCOL_VERSION, HANDSHAKE_FAILURE = b"\x15\x03\x01\x00\x02\x02\x46", b"\x15\x03\x01\x00\x02\x02\x28"

TLS = (
    case(
        8,
        "expired",
        behind_tls(WELL, certified(begins=PAST - timedelta(9), ends=PAST)),
        "tls/cert_expired",
        checks=SHOWN,
    ),
    case(
        8,
        "expired, TLS 1.2",
        behind_tls(WELL, certified(ends=PAST, begins=PAST - timedelta(9), version=OLD)),
        "tls/cert_expired",
        checks=SHOWN,
    ),
    case(
        8,
        "not yet valid",
        behind_tls(WELL, certified(begins=FAR - timedelta(9))),
        "tls/cert_not_yet_valid",
        checks=SHOWN,
    ),
    case(9, "wrong host", behind_tls(WELL, certified("other.example")), "tls/host_mismatch", checks=SHOWN),
    case(9, "wrong address", behind_tls(WELL, certified("127.0.0.2"), "127.0.0.1"), "tls/host_mismatch", checks=SHOWN),
    case(10, "unknown authority", behind_tls(WELL, certified(own_authority=True)), "tls/untrusted", checks=SHOWN),
    case(11, "stall before the handshake", at(stalls, "localhost", "https"), "tls/timeout"),
    case(
        11,
        "stall within the handshake",
        at(retorts(b"\x16\x03\x03\x00\x7a\x02\x00"), "localhost", "https"),
        "tls/timeout",
    ),
    case(
        12,
        "no common cipher",
        behind_tls(WELL, certified(version=OLD, ciphers="ECDHE-RSA-AES128-GCM-SHA256")),
        *HANDSHAKE,
    ),
    case(12, "version refused", at(retorts(PROTOCOL_VERSION), "localhost", "https"), "tls/handshake"),
    case(12, "handshake refused", at(retorts(HANDSHAKE_FAILURE), "localhost", "https"), "tls/handshake"),
    case(12, "reset in the handshake", at(resets, "localhost", "https"), "tls/reset", "connect/reset"),
    case(12, "close in the handshake", at(closes, "localhost", "https"), *HANDSHAKE),
    case(13, "client certificate, TLS 1.2", at(refuses_in_tls(OLD_AND_STRICT), "localhost", "https"), "tls/handshake"),
    case(
        13,
        "client certificate, TLS 1.3",
        at(refuses_in_tls(STRICT), "localhost", "https"),
        "tls/client_certificate_refused",
    ),
    case(13, "client certificate, TLS 1.2, closes", behind_tls(WELL, OLD_AND_STRICT), *HANDSHAKE),
    # In TLS 1.3 our part of the handshake is over by then, so that the end may come before the answer does.
    case(13, "client certificate, TLS 1.3, closes", behind_tls(WELL, STRICT), *HANDSHAKE, *NO_MORE),
    case(14, "plain HTTP answers", at(retorts(answer(b"", "400 Bad Request")), "localhost", "https"), "tls/not_tls"),
    case(14, "SSH answers", at(blurts(b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n"), "localhost", "https"), "tls/not_tls"),
    case(14, "plain text without a line", at(stalls, "localhost", "https"), "tls/timeout"),
)

# Elsewhere the system does not tell how much of a request has arrived.
NOT_TAKEN = "send/timeout" if sys.platform == "linux" else "headers/timeout"

NO_ANSWER = (
    case(15, "closes at accept", at(closes), "headers/closed", "headers/reset", "connect/reset"),
    case(15, "resets at accept", at(resets), "headers/reset", "connect/reset"),
    writes(15, "closes after the request", (), "headers/closed"),
    case(15, "resets after the request", at(sends_and_resets(b"")), "headers/reset"),
    writes(15, "closes within the head", b"HTTP/1.1 200 OK\r\nContent-", "headers/closed"),
    case(16, "never answers", at(stalls), "headers/timeout"),
    case(16, "never answers, behind TLS", behind_tls(stalls, certified()), "headers/timeout", checks=SHOWN),
    case(16, "never reads", at(reads_nothing), "headers/timeout"),
    case(16, "takes a part of the request", at(reads_nothing, receive_buffer=1), NOT_TAKEN, target=LONG),
    case(16, "stalls within the head", at(sends_and_stalls(b"HTTP/1.1 200 OK\r\nContent-")), "headers/timeout"),
)

BROKEN_OFF = (
    case(
        17,
        "reset in the body",
        at(sends_and_resets(head("503 No", "Content-Length: 99") + b"{")),
        "body/reset",
        "body/truncated",
        checks=(has_status(503),),
    ),
    case(
        17,
        "reset in a chunk",
        at(sends_and_resets(CHUNKED + b"9\r\n{")),
        "body/reset",
        "body/invalid_framing",
        "body/truncated",
    ),
    writes(
        18, "end in the body", head("503 No", "Content-Length: 99") + b"{", "body/truncated", checks=(has_status(503),)
    ),
    case(
        18,
        "end in the body, behind TLS",
        behind_tls(sends(head("200 OK", "Content-Length: 99") + b"{"), certified()),
        "body/truncated",
    ),
    writes(18, "no length, ends", head("200 OK", "Content-Type: application/json") + GOOD, SUCCESS),
    writes(18, "more than the length", answer() + b"HTTP/1.1 200 OK\r\n\r\nmore", SUCCESS),
    writes(18, "garbage after the length", answer() + b"\x00garbage", SUCCESS),
    case(
        19,
        "a byte at a time",
        at(repeats(head("200 OK", "Content-Length: 2000"), b" ", 0.05)),
        "body/timeout",
        checks=(has_status(200),),
    ),
    case(19, "a byte of the head at a time", at(sends(*(bytes([b]) for b in answer()), every=0.05)), "headers/timeout"),
    case(19, "stall in the body", at(sends_and_stalls(head("200 OK", "Content-Length: 99") + b"{")), "body/timeout"),
    case(19, "stall in a chunk", at(sends_and_stalls(CHUNKED + b"9\r\n{")), "body/timeout"),
    case(20, "no end, no length", at(repeats(head(), b" " * 65536)), "body/too_large", alone=True),
    case(
        20, "no end, chunked", at(repeats(CHUNKED, b"10000\r\n" + b" " * 65536 + b"\r\n")), "body/too_large", alone=True
    ),
    case(
        20,
        "a terabyte promised",
        at(repeats(head("200 OK", f"Content-Length: {10**12}"), b" " * 65536)),
        "body/too_large",
        alone=True,
    ),
    writes(20, "head and body at once", answer(b" " * 70_000), "body/too_large"),
)

BAD_HEAD = (
    writes(21, "long field", answer(GOOD, "200 OK", f"X-Long: {'x' * 9000}"), "headers/invalid"),
    writes(21, "long reason", answer(GOOD, f"200 {'x' * 9000}"), "headers/invalid"),
    writes(21, "500 fields", answer(GOOD, "200 OK", *(f"X-{n}: {SECRET}" for n in range(500))), "headers/invalid"),
    case(
        21,
        "endless fields",
        at(repeats(b"HTTP/1.1 200 OK\r\n", b"X-Field: x\r\n" * 500)),
        "headers/invalid",
        alone=True,
    ),
    case(
        21, "endless field", at(repeats(b"HTTP/1.1 200 OK\r\nX-Field: ", b"x" * 65536)), "headers/invalid", alone=True
    ),
    writes(22, "bad chunk size", CHUNKED + f"{SECRET}\r\n".encode(), "body/invalid_framing", checks=(has_status(200),)),
    writes(22, "bad chunk size later", (CHUNKED, b"zz\r\n"), "body/invalid_framing", checks=(has_status(200),)),
    case(22, "bad chunk size, stalls", at(sends_and_stalls(CHUNKED + b"zz\r\n")), "body/invalid_framing"),
    writes(22, "negative chunk size", (CHUNKED, b"-1\r\n"), "body/invalid_framing"),
    writes(22, "second chunk bad", (CHUNKED + b"1\r\n{\r\n", b"zz\r\n"), "body/invalid_framing"),
    writes(22, "chunk longer than its size", CHUNKED + b"1\r\n{}}}\r\n0\r\n\r\n", "body/invalid_framing"),
    writes(22, "chunk truncated", CHUNKED + b"9\r\n{", "body/invalid_framing"),
    writes(22, "no last chunk", CHUNKED + b"2\r\n{}\r\n", "body/invalid_framing"),
    writes(22, "well chunked", (CHUNKED + b"%x\r\n" % len(GOOD), GOOD, b"\r\n0\r\n\r\n"), SUCCESS),
    writes(23, "two lengths", answer(GOOD, "200 OK", "Content-Length: 5"), "headers/invalid"),
    writes(23, "one length twice", answer(GOOD, "200 OK", f"Content-Length: {len(GOOD)}"), "headers/invalid"),
    writes(23, "negative length", head("200 OK", "Content-Length: -2") + GOOD, "headers/invalid"),
    writes(23, "length with a sign", head("200 OK", "Content-Length: +2") + GOOD, "headers/invalid"),
    writes(23, "length that is no number", head("200 OK", "Content-Length: ten") + GOOD, "headers/invalid"),
    writes(
        23,
        "length and chunks",
        answer(b"2\r\n{}\r\n0\r\n\r\n", "200 OK", "Transfer-Encoding: chunked"),
        "headers/invalid",
    ),
    writes(24, "NUL in a field", answer(GOOD, "200 OK", "X-Nul: a\0b"), "headers/invalid"),
    writes(24, "control in a field", answer(GOOD, "200 OK", "X-Bell: a\a\x1b[2Jb"), "headers/invalid"),
    writes(24, "control in a name", answer(GOOD, "200 OK", "X\x01: a"), "headers/invalid"),
    writes(24, "CR in a field", answer(GOOD, "200 OK", "X-Split: a\rSet-Cookie: b"), "headers/invalid"),
    writes(24, "field without a colon", answer(GOOD, "200 OK", f"secret {SECRET}"), "headers/invalid"),
    writes(24, "space before the colon", answer(GOOD, "200 OK", "X-Space : a"), "headers/invalid"),
    writes(25, "HTTP/0.9", b"<html><body>It works!</body></html>", "headers/not_http"),
    writes(25, "garbage", b"\x00\xff\xfe\x01" * 99, "headers/not_http"),
    case(25, "garbage without end", at(repeats(b"", b"\x7f" * 65536)), "headers/not_http", alone=True),
    writes(25, "the request comes back", f"client_secret={SECRET}\r\n\r\n".encode(), "headers/not_http"),
    case(25, "TLS alert", at(retorts(HANDSHAKE_FAILURE)), "headers/not_http"),
    case(25, "SMTP", at(blurts(b"220 mail.example ESMTP Postfix\r\n")), "headers/not_http"),
    case(25, "SSH", at(blurts(b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n")), "headers/not_http"),
    writes(25, "HTTP in small letters", answer().replace(b"HTTP", b"http"), "headers/not_http"),
    writes(25, "HTTP of no version", answer().replace(b"HTTP/1.1", b"HTTP/x.y"), "headers/invalid"),
)

STATUS = (
    writes(26, "999", answer("{}", "999 Request denied"), "http/server_error"),
    writes(26, "600", answer("{}", "600 What"), "http/server_error"),
    writes(26, "99", answer("{}", "99 What"), "headers/invalid"),
    writes(26, "no number", answer("{}", "OK 200"), "headers/invalid"),
    writes(26, "four digits", answer("{}", "2000 OK"), "headers/invalid"),
    writes(
        27,
        "101",
        head("101 Switching Protocols", "Connection: upgrade", "Upgrade: websocket"),
        "http/unexpected_status",
    ),
    writes(27, "204", head("204 No Content"), "http/unexpected_status"),
    writes(27, "205", head("205 Reset Content"), "http/unexpected_status"),
    writes(27, "304", head("304 Not Modified"), "http/unexpected_status"),
    writes(28, "100 before", head("100 Continue") + answer(), SUCCESS),
    writes(28, "103 before, apart", (INTERIM, answer()), SUCCESS),
    writes(28, "102 and 103 before", (head("102 Processing") + INTERIM, INTERIM + answer()), SUCCESS),
    writes(28, "103 and nothing", INTERIM, "headers/closed"),
    case(29, "flood of 103", at(repeats(b"", INTERIM * 2000)), "headers/invalid", alone=True),
    case(29, "flood of short 100", at(repeats(b"", b"HTTP/1.1 100\r\n\r\n" * 9000)), "headers/invalid", alone=True),
    case(29, "slow drip of 103", at(repeats(b"", INTERIM, 0.05)), "headers/timeout", alone=True),
)

BOMB = gzip.compress(b" " * (1 << 20)) * 200

ENCODED = (
    writes(30, "gzip bomb", answer(BOMB, "200 OK", "Content-Encoding: gzip"), "body/unexpected_encoding", alone=True),
    writes(
        30,
        "gzip bomb in two layers",
        answer(gzip.compress(BOMB), "200 OK", "Content-Encoding: gzip, gzip"),
        "body/unexpected_encoding",
        alone=True,
    ),
    writes(30, "gzip unannounced", answer(gzip.compress(GOOD)), "parse/not_utf8"),
    writes(
        31, "gzip corrupt", answer(b"\x1f\x8b garbage", "200 OK", "Content-Encoding: gzip"), "body/unexpected_encoding"
    ),
    writes(
        31,
        "gzip truncated",
        answer(gzip.compress(GOOD)[:-9], "200 OK", "Content-Encoding: gzip"),
        "body/unexpected_encoding",
    ),
    writes(
        31, "deflate", answer(zlib.compress(GOOD), "200 OK", "Content-Encoding: deflate"), "body/unexpected_encoding"
    ),
    writes(32, "br", answer(GOOD, "200 OK", "Content-Encoding: br"), "body/unexpected_encoding"),
    writes(32, "zstd", answer(GOOD, "200 OK", "Content-Encoding: zstd"), "body/unexpected_encoding"),
    writes(32, "unknown", answer(GOOD, "200 OK", "Content-Encoding: x-secret"), "body/unexpected_encoding"),
    writes(
        32,
        "identity",
        answer(GOOD, "200 OK", "Content-Encoding: identity", "Cache-Control: no-store"),
        SUCCESS,
        checks=(departs(),),
    ),
)

PARSED = (
    writes(
        33,
        "text/html, JSON within",
        answer(GOOD, "200 OK", "Content-Type: text/html", "Cache-Control: no-store"),
        SUCCESS,
        checks=(departs(Departure.NOT_JSON_CONTENT_TYPE),),
    ),
    writes(
        33,
        "no content type",
        head("200 OK", "Cache-Control: no-store", f"Content-Length: {len(GOOD)}") + GOOD,
        SUCCESS,
        checks=(departs(Departure.NOT_JSON_CONTENT_TYPE),),
    ),
    says(34, "HTML", f"<html><!-- {SECRET} -->Log in to the wireless network</html>", "parse/not_json"),
    says(35, "empty", b"", "parse/empty"),
    says(35, "white space", b" \r\n\t", "parse/empty"),
    says(36, "NaN", GOOD.replace(b"3599", b"NaN"), "parse/not_json"),
    says(36, "Infinity", GOOD.replace(b"3599", b"Infinity"), "parse/not_json"),
    says(36, "1e400", GOOD.replace(b"3599", b"1e400"), "token/bad_expires_in"),
    says(37, "duplicate key", GOOD.replace(b"{", b'{"expires_in": 1, '), "parse/duplicate_key"),
    says(38, "deep", b"[" * 60_000, "parse/too_deep"),
    says(38, "deep and closed", b"[" * 30_000 + b"]" * 30_000, "parse/too_deep"),
    says(39, "number of 5000 digits", GOOD.replace(b"3599", b"9" * 5000), "parse/not_json"),
    says(39, "number of 400 digits", GOOD.replace(b"3599", b"9" * 400), SUCCESS),
    says(40, "latin-1", '{"access_token": "é"}'.encode("latin-1"), "parse/not_utf8"),
    says(40, "UTF-16", GOOD.decode().encode("utf-16"), "parse/not_utf8"),
    says(40, "byte order mark", b"\xef\xbb\xbf" + GOOD, SUCCESS),
    says(
        41,
        "lone surrogate",
        r'{"error": "\ud800", "error_codes": ["\udfff"]}',
        "oauth/malformed_error",
        status="400 No",
    ),
    says(41, "lone surrogate in 200", r'{"error": "\ud800"}', "oauth/malformed_error"),
    says(41, "lone surrogate in a name", r'{"\ud800": 1, "error": "invalid_grant"}', "oauth/refused", status="400 No"),
    says(42, "list", b"[1, 2]", "parse/not_object"),
    says(42, "string", b'"token"', "parse/not_object"),
    says(42, "null", b"null", "parse/not_object"),
    says(42, "error is an object", b'{"error": {"code": 1}}', "oauth/malformed_error", status="400 No"),
    says(42, "error is a list", b'{"error": ["x"]}', "oauth/malformed_error", status="400 No"),
    says(42, "error is a number", b'{"error": 7}', "oauth/malformed_error", status="400 No"),
    says(43, "error in 200", INVALID_CLIENT, "oauth/error_in_200"),
    says(43, "token in 400", GOOD, "oauth/inconsistent", status="400 No"),
)

REDIRECTED = tuple(
    case(row, f"{status} to {where.partition('{sink}')[1] or where}", redirecting(status, where), "http/redirect")
    for row, status, where in [
        (44, "301 Moved Permanently", "{sink}"),
        (44, "302 Found", "{sink}"),
        (44, "303 See Other", f"{{sink}}?secret={SECRET}"),
        (45, "307 Temporary Redirect", "{sink}"),
        (45, "308 Permanent Redirect", "{sink}"),
        (46, "302 Found", "file:///etc/passwd"),
        (46, "307 Temporary Redirect", "ftp://127.0.0.1/"),
    ]
)

REFUSED = (
    says(
        47,
        "401 without a challenge",
        INVALID_CLIENT,
        "oauth/refused",
        status="401 No",
        checks=(has_error("invalid_client"),),
    ),
    says(47, "401 without a word", b"", "http/client_error", status="401 No"),
    throttles(48, "429, 30 s", "30", HALF_A_MINUTE),
    throttles(48, "503, 30 s", "30", HALF_A_MINUTE, status="503 No"),
    throttles(48, "429, a day", "86400", AT_MOST),
    throttles(49, "date", format_datetime(IN_AN_HOUR, usegmt=True), AT_MOST),
    throttles(49, "asctime", IN_AN_HOUR.strftime("%a %b %d %H:%M:%S %Y"), AT_MOST),
    throttles(49, "date in the past", "Sun, 06 Nov 1994 08:49:37 GMT", AT_ONCE),
    throttles(50, "garbage", "soon", AT_ONCE),
    throttles(50, "negative", "-30", AT_ONCE),
    throttles(50, "fraction", "1.5", AT_ONCE),
    throttles(50, "wide digits", WIDE, AT_ONCE),
    throttles(50, "10^20", "1" + "0" * 20, AT_MOST),
)

TOKENS = (
    says(51, "expires_in as text", GOOD.replace(b"3599", b'"3599"'), SUCCESS, checks=(lives(3599.0),)),
    says(51, "expires_in a fraction", GOOD.replace(b"3599", b"3599.5"), SUCCESS, checks=(lives(3599.5),)),
    says(51, "expires_in of decades", GOOD.replace(b"3599", b"1000000000"), SUCCESS, checks=(lives(315_360_000.0),)),
    says(51, "expires_in null", GOOD.replace(b"3599", b"null"), SUCCESS, checks=(lives(None),)),
    issues(51, "expires_in missing", SUCCESS, expires_in=None),
    issues(51, "expires_in 0", "token/bad_expires_in", expires_in=0),
    issues(51, "expires_in negative", "token/bad_expires_in", expires_in=-1),
    issues(51, "expires_in true", "token/bad_expires_in", expires_in=True),
    issues(51, "expires_in words", "token/bad_expires_in", expires_in="an hour"),
    issues(52, "token_type missing", "token/bad_token_type", token_type=None),
    issues(52, "token_type a number", "token/bad_token_type", token_type=7),
    issues(52, "token_type in other case", SUCCESS, token_type="bEARER"),
    issues(52, "token_type mac", SUCCESS, token_type="mac"),
    issues(53, "token empty", "token/missing", access_token=""),
    issues(53, "token a number", "token/missing", access_token=7),
    issues(53, "token with a line break", "token/missing", access_token="a\nb"),
    says(
        53,
        "token of 1 MB",
        json.dumps({"access_token": "x" * 10**6, "token_type": "Bearer"}),
        "body/too_large",
        alone=True,
    ),
    issues(54, "alg none", SUCCESS, access_token="eyJhbGciOiJub25lIn0.eyJleHAiOjF9."),
    issues(54, "expired", SUCCESS, access_token="eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjF9.c2ln"),
    issues(54, "another audience", SUCCESS, access_token="eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2ln"),
)

CASES: tuple[Case, ...] = (
    *LOOK_UP,
    *CONNECT,
    *TLS,
    *NO_ANSWER,
    *BROKEN_OFF,
    *BAD_HEAD,
    *STATUS,
    *ENCODED,
    *PARSED,
    *REDIRECTED,
    *REFUSED,
    *TOKENS,
)
