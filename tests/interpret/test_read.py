"""What an error answer says of itself is found wherever it says so, and is fit to be shown."""

import json
import time
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.interpret.read import MAX_ID, read_answer
from exporter.model import ErrorCode, ErrorResponse

TRACE = "7e1d0c5a-93b4-4f28-8a6c-1b2d3e4f5a00"
CORRELATION = "a4c3b2d1-0f9e-4d8c-b7a6-5e4d3c2b1a09"
FOREIGN = "0badcafe-1111-4222-8333-944455566677"
STAMP = "2026-02-03 04:05:06Z"
PAGE_STAMP = "2026-02-03T04:05:06Z"

ONE_LINE = f"Trace ID: {TRACE} Correlation ID: {CORRELATION} Timestamp: {STAMP}"
LINES = f"Trace ID: {TRACE}\r\nCorrelation ID: {CORRELATION}\r\nTimestamp: {STAMP}"
IDS = {"trace_id": TRACE, "correlation_id": CORRELATION, "timestamp": STAMP}
PAGE_IDS = IDS | {"timestamp": PAGE_STAMP}
PAGE = f"Request Id: {TRACE}\nCorrelation Id: {CORRELATION}\nTimestamp: {PAGE_STAMP}"
B2C_IDS = {"correlation_id": CORRELATION, "timestamp": STAMP}

KEY = f"AADSTS7000215: That key does not fit this door. {LINES}"
KEY_SAID = {"error": "invalid_client", "codes": "AADSTS7000215"} | IDS
ANSWER = {
    "error": "invalid_client",
    "error_description": KEY,
    "error_codes": [7000215],
    "timestamp": STAMP,
    "trace_id": TRACE,
    "correlation_id": CORRELATION,
    "error_uri": "https://login.microsoftonline.com/error?code=7000215",
}
CLAIMS = '{"access_token":{"acrs":{"essential":true,"value":"c7"}}}'
STEP_UP = {
    "error": "interaction_required",
    "error_description": "AADSTS50076: One more proof, please.",
    "error_codes": [50076],
    "suberror": "basic_action",
    "claims": CLAIMS,
}
STEP_UP_SAID = {"error": "interaction_required", "codes": "AADSTS50076", "suberror": "basic_action", "claims": True}
COMPACT = json.dumps(ANSWER, separators=(",", ":"))


def response(codes: str = "", **fields: Any) -> ErrorResponse:
    """A response without its description; `codes` are parted by spaces."""
    return ErrorResponse(codes=tuple(map(ErrorCode, codes.split())), **fields)


def read(text: str, prefix: str = "AADSTS") -> ErrorResponse:
    return read_answer(text, prefix=prefix)


JSON = [
    pytest.param(COMPACT, KEY_SAID, id="compact"),
    pytest.param(json.dumps(ANSWER, indent=4), KEY_SAID, id="indented"),
    pytest.param("\ufeff" + COMPACT, KEY_SAID, id="behind a byte order mark"),
    pytest.param(json.dumps({"error": "invalid_client", "error_description": KEY}), KEY_SAID, id="description alone"),
    pytest.param(json.dumps(STEP_UP), STEP_UP_SAID, id="suberror and claims"),
    pytest.param(
        json.dumps(ANSWER | {"error_codes": [700016]}), KEY_SAID | {"codes": "AADSTS700016"}, id="list over description"
    ),
    pytest.param(
        json.dumps(ANSWER | {"trace_id": "<hidden>", "correlation_id": "xxxx", "timestamp": "some day"}),
        KEY_SAID | {"trace_id": "<hidden>", "correlation_id": "xxxx", "timestamp": "some day"},
        id="fields as they stand, placeholders too",
    ),
    pytest.param(
        '{"error":"invalid_grant","error_description":"AADSTS70002: Not so. AADSTS70008: Too late. AADSTS70002."}',
        {"error": "invalid_grant", "codes": "AADSTS70002 AADSTS70008"},
        id="codes in their order, each once",
    ),
    pytest.param(
        '{"error":"invalid_grant","error_description":"AADSTS9002313: Mangled.Trace ID: '
        f'{TRACE}Correlation ID: {CORRELATION}Timestamp: {STAMP}"}}',
        {"error": "invalid_grant", "codes": "AADSTS9002313"} | IDS,
        id="ids that lost the space between",
    ),
    pytest.param(
        json.dumps({"error": "invalid_client", "error_description": quote(KEY)}), KEY_SAID, id="encoded description"
    ),
    pytest.param(
        json.dumps({"error": "invalid_grant", "message": f"AADSTS50173: Revoked. {ONE_LINE}"}),
        {"error": "invalid_grant", "codes": "AADSTS50173"} | IDS,
        id="description under another name",
    ),
    pytest.param(
        '{"error":"invalid_grant","subError":"bad_token"}',
        {"error": "invalid_grant", "suberror": "bad_token"},
        id="suberror as MSAL spells it",
    ),
    pytest.param(
        '{"error":"server_error","timestamp":"2026-02-03T04:05:06.789+0000"}',
        {"error": "server_error", "timestamp": "2026-02-03T04:05:06.789+0000"},
        id="stamp as written",
    ),
    pytest.param('{"error":"invalid_scope","error_codes":[]}', {"error": "invalid_scope"}, id="empty list"),
    pytest.param('{"error":"invalid_grant","claims":""}', {"error": "invalid_grant"}, id="empty claims"),
    pytest.param(
        f'{{"error":{{"code":"serverError","message":"AADSTS50000: No token today. {ONE_LINE}"}}}}',
        {"codes": "AADSTS50000"} | IDS,
        id="error that is an object",
    ),
    pytest.param('{"error":{"code":"invalid_grant","message":"No."}}', {}, id="no code in an error that is an object"),
    pytest.param('{"error":["invalid_client"]}', {}, id="error that is a list"),
    pytest.param('{"error":"The door is shut"}', {}, id="error that is a sentence"),
    pytest.param(
        json.dumps({"level": "warn", "message": json.dumps({"message": f"AADSTS50173: Revoked. {LINES}"})}),
        {"codes": "AADSTS50173"} | IDS,
        id="JSON within JSON",
    ),
    pytest.param(json.dumps(json.dumps(STEP_UP)), STEP_UP_SAID, id="encoded twice"),
    pytest.param(json.dumps(json.dumps(json.dumps(STEP_UP))), STEP_UP_SAID, id="encoded three times"),
    pytest.param(f"{COMPACT}{COMPACT}", KEY_SAID, id="two answers in a row"),
    pytest.param(
        f'{{"error":"invalid_client","error":"invalid_grant","trace_id":"{TRACE}"}}',
        {"error": "invalid_client", "trace_id": TRACE},
        id="a field twice",
    ),
]

BROKEN_JSON = [
    pytest.param(COMPACT[: COMPACT.index(',"timestamp')], KEY_SAID, id="cut off after the list"),
    pytest.param(COMPACT[: COMPACT.index("15],")], KEY_SAID, id="a cut list counts for nothing"),
    pytest.param(
        '{"error":"invalid_client","error_description":"AADSTS7000222: All keys ru (truncated...)',
        {"error": "invalid_client", "codes": "AADSTS7000222"},
        id="cut off within the description",
    ),
    pytest.param(
        '{"error":"invalid_client","error_description":"AADSTS70', {"error": "invalid_client"}, id="cut off in a code"
    ),
    pytest.param(json.dumps(ANSWER, indent=1).replace("\\r\\n", "\n"), KEY_SAID, id="lines within a string"),
    pytest.param(f"HTTP/1.1 401 Unauthorized\r\nServer: x\r\n\r\n{COMPACT}", KEY_SAID, id="behind its headers"),
    pytest.param(
        COMPACT.replace(f'"{TRACE}"', '"XXXX-0001"').replace("}", ""),
        KEY_SAID | {"trace_id": "XXXX-0001"},
        id="a placeholder beside the description",
    ),
    pytest.param(
        COMPACT.replace("7000215],", "<code>],") + "<br>",
        KEY_SAID,
        id="the description where the list is no list",
    ),
    pytest.param(
        '{"error":"invalid_grant","error_uri":"<https://a.example/?code=1","suberror":"basic_action"}%>',
        {"error": "invalid_grant", "suberror": "basic_action"},
        id="a link in brackets, which is no tag",
    ),
    pytest.param('"suberror":"consent_required"', {"suberror": "consent_required"}, id="a suberror is no error"),
    pytest.param('{"error":"unauthorized", "error_description":"x"', {"error": "unauthorized"}, id="one plain word"),
    pytest.param('{"error":"EOF", "msg":"x"', {}, id="the error of a log"),
    pytest.param('{"error": null, "error_description": "AADSTS50034: Who?"', {"codes": "AADSTS50034"}, id="no error"),
    pytest.param(
        'string json = @"{""error"":""invalid_tenant"",""error_codes"":[90002],""timestamp"":""2026-02-03 04:05:06Z"""',
        {"error": "invalid_tenant", "codes": "AADSTS90002", "timestamp": STAMP},
        id="quotes doubled by C#",
    ),
]

QUERIES = [
    pytest.param(urlencode({"error": "invalid_client", "error_description": KEY}), KEY_SAID, id="form"),
    pytest.param(
        f"https://app.example/back#error=invalid_client&error_description={quote(KEY)}&state=x%3D%3D",
        KEY_SAID,
        id="fragment with %20",
    ),
    pytest.param(
        "/sign-in?next=" + quote("/back?" + urlencode({"error": "invalid_client", "error_description": KEY})),
        KEY_SAID,
        id="within another address",
    ),
    pytest.param(
        f"error=invalid_client&error_description={ONE_LINE.replace('Trace', 'AADSTS7000215: Not so. Trace')}&",
        KEY_SAID,
        id="not encoded",
    ),
    pytest.param(
        "?error=access_denied&error_description=AADB2C90118:+Forgotten.+Again.",
        {"error": "access_denied", "codes": "AADB2C90118"},
        id="pluses only",
    ),
    pytest.param("?error=unauthorized&error_description=x", {"error": "unauthorized"}, id="a plain word as error"),
    pytest.param("?error=null&error_description=x", {}, id="null as error"),
    pytest.param("?code=x&session_state=" + FOREIGN, {}, id="no error"),
    pytest.param(
        f"error=interaction_required&suberror=message_only&claims={quote(CLAIMS)}",
        {"error": "interaction_required", "suberror": "message_only", "claims": True},
        id="encoded claims",
    ),
    pytest.param(
        "error=bad_verification_code&error_description=Code+is+stale&error_uri=https%3A%2F%2Fdocs.example%2F%23stale",
        {"error": "bad_verification_code"},
        id="another provider's",
    ),
]

PAGES = [
    pytest.param(
        f"{PAGE}\nMessage: AADSTS900561: Knock, do not look.", {"codes": "AADSTS900561"} | PAGE_IDS, id="copied"
    ),
    pytest.param(
        f"{PAGE} Message: AADSTS50020: A stranger.\n\nRequest Id: {FOREIGN}\nCorrelation Id: {FOREIGN}",
        {"codes": "AADSTS50020"} | PAGE_IDS,
        id="its own ids, before the message",
    ),
    pytest.param(
        f"<div>Request Id: <span id='a'>{TRACE}</span></div><div><b>Correlation Id:</b>&nbsp;{CORRELATION}</div>"
        f"<p>Timestamp: {PAGE_STAMP}</p><p>Message: AADSTS50105: Not on the list &amp; not coming in.</p>",
        {"codes": "AADSTS50105"} | PAGE_IDS,
        id="as HTML",
    ),
    pytest.param(
        f'<script>//<![CDATA[\n$Config={{"strServiceExceptionMessage":"AADSTS50011: Not \\u0027there\\u0027.",'
        f'"strTraceId":"{TRACE}","iErrorCode":50011,"strTimestamp":"{PAGE_STAMP}","correlationId":"{CORRELATION}",'
        f'"sessionId":"{FOREIGN}"}};\n//]]></script>',
        {"codes": "AADSTS50011"} | PAGE_IDS,
        id="script of a sign-in page",
    ),
    pytest.param('$Config={"sErrorCode":"50126","sErrTxt":""};', {"codes": "AADSTS50126"}, id="script with a number"),
    pytest.param(f"Error Code: 53003\n{PAGE}", {"codes": "AADSTS53003"} | PAGE_IDS, id="a number instead of a message"),
    pytest.param("Error Code: 53003", {}, id="a number of anybody's"),
    pytest.param(
        f"Technical matters:<br/>Correlation ID: {CORRELATION}<br/>Timestamp: {STAMP}<br/>AADSTS90002: No such.",
        {"codes": "AADSTS90002", "correlation_id": CORRELATION, "timestamp": STAMP},
        id="an old page, ids first",
    ),
    pytest.param(
        '<form name="hiddenform"><input type="hidden" name="error" value="access_denied"/><input type="hidden" '
        f'name="error_description" value="AADSTS65004: Said no.&#xD;&#xA;Trace ID: {TRACE}"/></form>',
        {"error": "access_denied", "codes": "AADSTS65004", "trace_id": TRACE},
        id="posted form",
    ),
    pytest.param(
        f'{{"page":"&lt;p&gt;AADSTS50105: Not you.&lt;/p&gt;Trace ID: &lt;b&gt;{TRACE}&lt;/b&gt;"}}',
        {"codes": "AADSTS50105", "trace_id": TRACE},
        id="escaped HTML",
    ),
    pytest.param(
        f"AADSTS50034: Kein solches Konto. Spur-ID: {TRACE} Bezugs-ID: {CORRELATION} Zeitstempel: {STAMP}",
        {"codes": "AADSTS50034"} | IDS,
        id="in another language",
    ),
    pytest.param("See https://login.microsoftonline.com/error?code=700082.", {"codes": "AADSTS700082"}, id="a link"),
    pytest.param("<html><h1>502 Bad Gateway</h1></html>", {}, id="of a gateway"),
    pytest.param(
        "<s:Fault><s:Subcode><s:Value>wst:FailedAuthentication</s:Value></s:Subcode><psf:code>0x80041012</psf:code>"
        f"<psf:text>AADSTS50126: Wrong word.\r\n{LINES}</psf:text></s:Fault>",
        {"codes": "AADSTS50126"} | IDS,
        id="SOAP fault",
    ),
]

LIBRARIES = [
    pytest.param(
        f"ServerError: invalid_grant: 50173 - [{STAMP}]: AADSTS50173: Revoked. {ONE_LINE} - Correlation ID: "
        f"{FOREIGN} - Trace ID: {FOREIGN}\n    at f (a.js:1:2)",
        {"error": "invalid_grant", "codes": "AADSTS50173"} | IDS,
        id="MSAL for Node.js",
    ),
    pytest.param(
        f"invalid_request: undefined - [undefined]: AADB2C90079: No secret.\nCorrelation ID: {CORRELATION}\nTimestamp: "
        f"{STAMP}\n - Correlation ID: undefined - Trace ID: undefined",
        {"error": "invalid_request", "codes": "AADB2C90079"} | B2C_IDS,
        id="MSAL for Node.js with B2C",
    ),
    pytest.param(
        json.dumps({"errorCode": "invalid_client", "errorMessage": KEY, "subError": "bad_token", "claims": ""}),
        KEY_SAID | {"suberror": "bad_token"},
        id="MSAL for JavaScript, written out",
    ),
    pytest.param("Error: user_cancelled: The window was shut.", {}, id="an error of the library's own"),
    pytest.param(
        "MSAL.NetCore.4.1.0.0.MsalUiRequiredException:\n\tErrorCode: invalid_grant\nMsalUiRequiredException: "
        f"AADSTS65001: Ask first.\r\n{LINES}\n   at A.<>c__D.<<Run>b__1>d.MoveNext()\n\tStatusCode: 400\n"
        '\tResponseBody: {"error":"invalid_grant","error_codes":[65001],"suberror":"consent_required"}\n'
        f"\tHeaders: Pragma: no-cache\nx-ms-request-id: {TRACE}",
        {"error": "invalid_grant", "codes": "AADSTS65001", "suberror": "consent_required"} | IDS,
        id="MSAL for .NET",
    ),
    pytest.param("ErrorCode: authentication_canceled\nStatusCode: 0", {}, id="an error code of MSAL's own"),
    pytest.param(
        f"INFO HttpHelper [Correlation ID: {FOREIGN}] Sent.\nMsalServiceException: AADSTS90033: Try again.\n{LINES}",
        {"codes": "AADSTS90033"} | IDS,
        id="MSAL for Java, which logs an id of its own",
    ),
    pytest.param(
        f"UserInfo={{MSALErrorDescriptionKey=AADSTS50049: No such place.\n{LINES}, MSALOAuthErrorKey=invalid_instance, "
        f"MSALCorrelationIDKey={FOREIGN}, MSALOAuthSubErrorKey=bad_token}}",
        {"error": "invalid_instance", "codes": "AADSTS50049", "suberror": "bad_token"} | IDS,
        id="MSAL for Objective-C",
    ),
    pytest.param(
        f"MSALErrorDescriptionKey=AADSTS50173: Gone., MSALCorrelationIDKey={CORRELATION}",
        {"codes": "AADSTS50173", "correlation_id": CORRELATION},
        id="MSAL for Objective-C, ids aside",
    ),
    pytest.param(
        f'{{"@timestamp":"2026-02-03T00:00:00Z","trace_id":"{FOREIGN[:8]}","msg":"AADSTS50000: No."}}',
        {"codes": "AADSTS50000"},
        id="fields of a log",
    ),
    pytest.param(
        f"Message contains error: 'invalid_client', error_description: '{KEY}', error_uri: 'error_uri is null'.",
        KEY_SAID,
        id="ASP.NET Core",
    ),
    pytest.param(
        f"Error: 'invalid_client'. Error_Description (may be empty): '{urlencode({'d': KEY})[2:]}'. Error_Uri: ''.",
        KEY_SAID,
        id="ASP.NET, half encoded",
    ),
    pytest.param("[OpenIdConnectProtocolException: access_denied]", {"error": "access_denied"}, id="Katana"),
    pytest.param(f'oauth2: "invalid_client" "{KEY}"', KEY_SAID, id="Go"),
    pytest.param(
        f"http call(https://a.example/token)(POST) error: reply status code was 401:\n{COMPACT}",
        KEY_SAID,
        id="MSAL for Go",
    ),
    pytest.param(f"invalid_client. {KEY}", KEY_SAID, id="a full stop between"),
    pytest.param(f"errors.InvalidClientError: (invalid_client) {KEY}", KEY_SAID, id="oauthlib"),
    pytest.param("OPError: invalid_grant (Session is gone)", {"error": "invalid_grant"}, id="openid-client"),
    pytest.param(f"invalid_credentials: OAuth2::Error, invalid_client: {KEY}", KEY_SAID, id="OmniAuth"),
    pytest.param(f"[invalid_client] {KEY}", KEY_SAID, id="Spring"),
    pytest.param(repr(ANSWER), KEY_SAID, id="repr of Python"),
    pytest.param(
        f"{{u'correlation_id': u'{CORRELATION}', u'error': u'unauthorized_client', u'error_codes': [700016]}}",
        {"error": "unauthorized_client", "codes": "AADSTS700016", "correlation_id": CORRELATION},
        id="repr of Python 2",
    ),
    pytest.param(
        f'{{"error"=>"invalid_resource", "error_codes"=>[500011], "trace_id"=>"{TRACE}"}}',
        {"error": "invalid_resource", "codes": "AADSTS500011", "trace_id": TRACE},
        id="hash of Ruby",
    ),
    pytest.param(
        f"stdClass Object\n(\n    [error] => invalid_client\n    [error_description] => {KEY}\n"
        "    [error_codes] => Array\n        (\n            [0] => 7000215\n            [1] => 70002\n        )\n)",
        KEY_SAID | {"codes": "AADSTS7000215 AADSTS70002"},
        id="print_r of PHP",
    ),
    pytest.param(
        '["error"]=>\n  string(14) "invalid_client"\n  ["error_codes"]=>\n'
        "  array(1) {\n    [0]=>\n    int(7000215)\n  }\n"
        f'  ["trace_id"]=>\n  string(36) "{TRACE}"',
        {"error": "invalid_client", "codes": "AADSTS7000215", "trace_id": TRACE},
        id="var_dump of PHP",
    ),
    pytest.param(
        f"error             : invalid_client\nerror_description : {KEY}\nerror_codes       : {{7000215}}",
        KEY_SAID,
        id="list of PowerShell",
    ),
    pytest.param(
        '@"error": @"unauthorized_client", @"suberror": @"client_mismatch"',
        {"error": "unauthorized_client", "suberror": "client_mismatch"},
        id="literal of Objective-C",
    ),
    pytest.param(
        f"errorCode=invalid_grant\nmessage=AADSTS50057: Off.\n{LINES}\ncorrelationId=400\nclaims=null",
        {"error": "invalid_grant", "codes": "AADSTS50057"} | IDS,
        id="fields, one a line",
    ),
    pytest.param(
        f"Response body: {COMPACT}: context deadline exceeded, X-Correlation-ID: {FOREIGN}", KEY_SAID, id="go-autorest"
    ),
    pytest.param(
        f'{{"@timestamp":"2026-02-03T00:00:00Z","trace_id":"4bf92f35","msg":{json.dumps("got " + COMPACT)}}}',
        KEY_SAID,
        id="a log of JSON lines",
    ),
    pytest.param(
        'HTTP/1.1 401\nWWW-Authenticate: Bearer error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ=="',
        {"error": "insufficient_claims", "claims": True},
        id="challenge",
    ),
]

PROSE = [
    pytest.param(
        f"ERROR: AADSTS700082: Unused for long. Issued 2026-01-01T00:00:00.0Z. {ONE_LINE}\nPlease log in again.",
        {"codes": "AADSTS700082"} | IDS,
        id="a command's last words",
    ),
    pytest.param("ERROR: AADSTS700082: Unused since 2026-01-01T00:00:00Z.", {"codes": "AADSTS700082"}, id="no stamp"),
    pytest.param("timestamp=2026-02-03T04:05:06+00:00", {"timestamp": "2026-02-03T04:05:06+00:00"}, id="another zone"),
    pytest.param("Timestamp: 2026-02-03 04:05:06", {"timestamp": "2026-02-03 04:05:06"}, id="no zone"),
    pytest.param("Error=AADSTS500014: Off", {"codes": "AADSTS500014"}, id="a code is no error value"),
    pytest.param(
        f"> **AADSTS700027**: Bad seal.\n> **Trace ID**: `{TRACE}`",
        {"codes": "AADSTS700027", "trace_id": TRACE},
        id="a quote in a chat",
    ),
    pytest.param(
        f"| Trace ID | {TRACE} |\n| Correlation ID | {CORRELATION} |",
        {"trace_id": TRACE, "correlation_id": CORRELATION},
        id="a table",
    ),
    pytest.param(
        f"app {FOREIGN} of tenant '{FOREIGN}': AADSTS700016: Unknown.",
        {"codes": "AADSTS700016"},
        id="ids without a name",
    ),
    pytest.param(
        f"client-request-id: {FOREIGN}\nrequest-id: {FOREIGN}\nX-Correlation-Id: {FOREIGN}\nAADSTS50000",
        {"codes": "AADSTS50000"},
        id="ids of others",
    ),
    pytest.param(f"x-ms-request-id: {TRACE}\nAADSTS50000", {"codes": "AADSTS50000", "trace_id": TRACE}, id="a header"),
    pytest.param(f"Request ID: {FOREIGN}", {}, id="a request that nobody answered"),
    pytest.param("aadsts50126, they say", {"codes": "AADSTS50126"}, id="small letters"),
    pytest.param("AADSTS 50126 again", {"codes": "AADSTS50126"}, id="a space within the code"),
    pytest.param("Also AADSTS50034: x; see aadsts50126", {"codes": "AADSTS50034"}, id="the proper spelling goes first"),
    pytest.param(
        "ACS50012: No. xACS50013 MSIS9605: No. XMSIS9606", {"codes": "AADSTS50012 MSIS9605"}, id="older names"
    ),
    pytest.param("AADSTS123 AADSTS123456789 AADB2C9 MSIS1 AADSTS\u0665\u0660\u0660\u0660\u0660", {}, id="no codes"),
    pytest.param("error: socket_closed, Error: timeout, error=true", {}, id="words of logs"),
    pytest.param("Error: invalid_scope", {"error": "invalid_scope"}, id="an error value after a colon"),
    pytest.param("error_codes:\n- 50034", {"codes": "AADSTS50034"}, id="a list of YAML"),
    pytest.param("Too Many Requests", {}, id="throttled"),
    pytest.param("", {}, id="nothing"),
]

OTHERS = [
    pytest.param('{"error":"mfa_required","mfa_token":"x"}', {"error": "mfa_required"}, id="Auth0"),
    pytest.param('{"errorCode":"invalid_client","errorId":"oae1"}', {"error": "invalid_client"}, id="Okta"),
    pytest.param('{"errorCode":"E0000011","errorSummary":"No"}', {}, id="Okta's own codes"),
    pytest.param('{"ok":false,"error":"invalid_auth"}', {"error": "invalid_auth"}, id="Slack"),
    pytest.param('{"error":{"type":"OAuthException","code":190,"fbtrace_id":"Ab1"}}', {}, id="Facebook"),
    pytest.param(f'{{"error":{{"code":"InvalidToken","innerError":{{"request-id":"{FOREIGN}"}}}}}}', {}, id="Graph"),
    pytest.param(
        "type=LOGIN_ERROR, error=invalid_token, auth_method=x", {"error": "invalid_token"}, id="Keycloak's log"
    ),
    pytest.param(
        f'{{"statusCode":500,"message":"No token.","correlationId":"{CORRELATION}"}}',
        {"correlation_id": CORRELATION},
        id="managed identity",
    ),
    pytest.param(
        '{"error":"invalid_request","error_description":"Nobody here"}', {"error": "invalid_request"}, id="IMDS"
    ),
    pytest.param(
        '{"error":"invalid_grant","error_description":"MSIS9615: The \\u0027refresh_token\\u0027 is stale."}',
        {"error": "invalid_grant", "codes": "MSIS9615"},
        id="AD FS",
    ),
    pytest.param(
        '{"error":"invalid_grant","error_description":"AADB2C90080: Stale.\\r\\nCorrelation ID: '
        f'{CORRELATION}\\r\\nTimestamp: {STAMP}\\r\\n"}}',
        {"error": "invalid_grant", "codes": "AADB2C90080"} | B2C_IDS,
        id="B2C",
    ),
]


@pytest.mark.parametrize(("text", "said"), [*JSON, *BROKEN_JSON, *QUERIES, *PAGES, *LIBRARIES, *PROSE, *OTHERS])
def test_an_answer_is_read_in_every_carrier(text: str, said: dict[str, Any]) -> None:
    assert read(text) == response(**said)


@pytest.mark.parametrize(("text", "said"), [*JSON, *QUERIES, *PAGES, *LIBRARIES])
def test_a_report_around_an_answer_changes_nothing_about_its_codes(text: str, said: dict[str, Any]) -> None:
    report = f"## What happened?\n\nI did as told (see {FOREIGN}), then:\n\n```\n{text}\n```\n\nVersion: 2.1.0\n"
    assert read(report).codes == response(**said).codes


STATED: list[tuple[Any, str]] = [
    ([7000215], "AADSTS7000215"),
    ([70002, 50012], "AADSTS70002 AADSTS50012"),
    ([50012, 50012, 70002], "AADSTS50012 AADSTS70002"),
    (["50034"], "AADSTS50034"),
    (50034, "AADSTS50034"),
    ("50034", "AADSTS50034"),
    ([True, None, 1.5, {}, [50035], "5003\uff14", -50034, "50034 ", 50034], "AADSTS50034"),
    ([123, 123456789], ""),
    ([], ""),
    (None, ""),
]


@pytest.mark.parametrize(("stated", "codes"), STATED)
def test_error_codes_count_in_their_order_whatever_their_type(stated: object, codes: str) -> None:
    assert read(json.dumps({"error": "invalid_grant", "error_codes": stated})).codes == tuple(codes.split())


def test_a_bare_number_gets_the_prefix_of_its_provider() -> None:
    assert read('{"error":"x","error_codes":[90080]}', "AADB2C").codes == ("AADB2C90080",)
    assert read("error_codes: 90080", "AADB2C").codes == ("AADB2C90080",)
    assert read("AADSTS50034", "AADB2C").codes == ("AADSTS50034",)


@pytest.mark.parametrize("unfit", [None, 7, ["bad_token"], "two words", "\ud800", "x" * 65], ids=ascii)
def test_a_suberror_is_one_word_or_absent(unfit: object) -> None:
    assert read(json.dumps({"error": "invalid_grant", "suberror": unfit})) == response(error="invalid_grant")


UNFIT_IDS = [7, None, ["a"], "two\nlines", "\x1b[31mred", "turned \u202eround", "\ud800", "x" * (MAX_ID + 1)]


@pytest.mark.parametrize("field", ["trace_id", "correlation_id", "timestamp"])
@pytest.mark.parametrize("unfit", UNFIT_IDS, ids=ascii)
def test_an_id_is_one_short_printable_line_or_absent(field: str, unfit: object) -> None:
    said = {"error": "invalid_grant", "error_description": "x", field: unfit}
    assert read(json.dumps(said)) == response(error="invalid_grant")
    assert read("Got " + json.dumps(said, ensure_ascii=False)) == response(error="invalid_grant")


FIELDS = ("error", "error_description", "error_codes", "suberror", "trace_id", "correlation_id", "timestamp", "claims")
ANY_CHARACTER = st.characters(codec=None, categories=None)
ANY_TEXT = st.text(ANY_CHARACTER, max_size=40) | st.sampled_from(["invalid_client", "AADSTS50000: x", LINES])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=2),
    max_leaves=4,
)
SAMPLES = [param.values[0] for param in (*JSON, *BROKEN_JSON, *QUERIES, *PAGES, *LIBRARIES, *PROSE, *OTHERS)]
PIECES = [
    "\\",
    '"',
    "'",
    "<",
    ">",
    "&#",
    ";",
    "%",
    "%25",
    "+",
    "=",
    ":",
    "error",
    "error_codes",
    "[",
    "{",
    "AADSTS",
    "\ud800",
]


def check(said: ErrorResponse) -> None:
    """All that is read can be written, and goes to logs and terminals as one line."""
    texts = (said.error, *said.codes, said.suberror, said.trace_id, said.correlation_id, said.timestamp)
    assert all(text.isprintable() and len(text) <= MAX_ID for text in texts)
    assert len(set(said.codes)) == len(said.codes)


@given(st.dictionaries(st.sampled_from(FIELDS), ANYTHING))
def test_no_object_raises_and_all_that_is_read_can_be_written(values: dict[str, Any]) -> None:
    check(read_answer(json.dumps(values)))
    check(read_answer(repr(values)))


@given(st.text(ANY_CHARACTER))
def test_no_text_raises(text: str) -> None:
    check(read_answer(text))


@given(st.binary(), st.sampled_from(["replace", "surrogateescape", "ignore"]))
def test_no_bytes_raise(body: bytes, errors: str) -> None:
    check(read_answer(body.decode(errors=errors)))


@given(
    st.sampled_from(SAMPLES), st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.sampled_from(PIECES)), max_size=8)
)
def test_no_mangled_answer_raises(text: str, wounds: list[tuple[float, float, str]]) -> None:
    for place, size, piece in wounds:
        start = int(place * len(text))
        text = text[:start] + piece + text[start + int(size * 20) :]
    check(read_answer(text))


def test_numbers_that_python_refuses_to_convert_are_no_characters() -> None:
    assert read(f"&#{'1' * 5_000}; &#x{'f' * 5_000}; &#1114112; {'9' * 5_000}") == response()


LINEAR = [
    "\\", '"', "'", "<", "<a", "<input ", '<input name="error" value="', " ", "\n\t", "&", "&amp;", "&#1", "%2", "%25",
    "%41", "+", "a_", "a_b ", "_", "é", "\ud800", "0", "00000000-", f"{TRACE} ", f": {TRACE} ", f"trace id {TRACE}",
    "trace id ", "correlation_id: ", "timestamp ", "request id ", "error", "error=", "error : ", '"error":"a',
    "error => string(1) ", "error_codes: [1,", "error_codes Array (", "error_codes array(1) {", "errorcode: a",
    "suberror: a ", "claims: '", 'claims="aaaaaaaa', "AADSTS", "AADSTS1", "AADSTS50000 ", "aadsts ", "ACS", "MSIS1",
    "invalid_grant ", " invalid_grant: ", "Error Code: 1 ", "login.windows.net/error?code=", '{"a":', "[", "name=x ",
]  # fmt: skip
STARTS = ["", 'AADSTS50000 error_description "', "trace id", "error", "<input "]


def seconds(text: str) -> float:
    start = time.perf_counter()
    read_answer(text)
    return time.perf_counter() - start


@pytest.mark.parametrize("piece", LINEAR, ids=ascii)
@pytest.mark.parametrize("start", STARTS, ids=ascii)
def test_reading_takes_time_in_proportion_to_the_text(start: str, piece: str) -> None:
    short, long = (start + piece * (size // len(piece)) for size in (2_000, 16_000))
    # Eight times the text takes eight times as long, or 64 times if a pattern tries every pair of places.
    ratios = (seconds(long) / max(seconds(short), 1e-4) for _ in range(10))
    assert any(ratio < 24 for ratio in ratios)
