"""Credentials of every provider, secrets that only the words around them give away, and text that is neither.

Tokens are joined from halves so that secret scanners of this repository stay quiet.
"""

from __future__ import annotations

import time

import pytest

from whetstone.privacy.detectors.assignments import AssignmentDetector
from whetstone.privacy.detectors.credentials import credential_detectors
from whetstone.privacy.detectors.listed import SecretValueDetector
from whetstone.privacy.detectors.spans import Span, replace, resolve
from whetstone.privacy.replacement.placeholders import mask_placeholders

_DETECTORS = (*credential_detectors(), AssignmentDetector())
_HEX = "0a1b2c3d4e5f67899876f5e4d3c2b1a0" * 4
_ALNUM = "aB3dE5fG7hJ9kL2mN4pQ6rS8tU0vW1xY" * 4
_UUID = "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"


def _spans(text: str) -> list[Span]:
    masked = mask_placeholders(text)
    return resolve(span for detector in _DETECTORS for span in detector.find(masked))


def _filtered(text: str) -> str:
    return replace(text, _spans(text))


_HEX32, _HEX40, _HEX64 = _HEX[:32], _HEX[:40], _HEX[:64]
_A22, _A24, _A32, _A36, _A40, _A48, _A64 = (_ALNUM[:length] for length in (22, 24, 32, 36, 40, 48, 64))
_UPPER = "Q3RT7VWX9YZA5BCD2EFG4HJK6LMN8PQR" * 2
PROVIDERS: dict[str, str] = {
    "anthropic-key": "sk-" + f"ant-oat01-{_A48}",
    "openai-key": "sk-" + f"svcacct-{_A48}",
    "openrouter-key": "sk-" + f"or-v1-{_HEX64}",
    "langfuse-key": "sk-" + f"lf-{_UUID}",
    "google-api-key": "AI" + f"za{_A36}",
    "google-token": "GOC" + f"SPX-{_A24}abcd",
    "huggingface-token": "h" + f"f_{_A36}",
    "groq-key": "gs" + f"k_{_A48}",
    "xai-key": "xa" + f"i-{_A48}",
    "perplexity-key": "ppl" + f"x-{_A48}",
    "replicate-token": "r" + f"8_{_A36}",
    "tavily-key": "tv" + f"ly-dev-{_A32}",
    "nvidia-key": "nva" + f"pi-{_A64}",
    "fireworks-key": "f" + f"w_{_A24}",
    "together-key": "tgp" + f"_v1_{_A40}",
    "langsmith-key": "lsv2" + f"_pt_{_HEX32}_{_HEX[:10]}",
    "pinecone-key": "pc" + f"sk_{_A64}",
    "firecrawl-key": "f" + f"c-{_HEX32}",
    "elevenlabs-key": "s" + f"k_{_HEX[:48]}",
    "cerebras-key": "cs" + f"k-{_A48}",
    "jina-key": "ji" + f"na_{_A64}",
    "voyage-key": "p" + f"a-{_A40}",
    "runpod-key": "rp" + f"a_{_A40}",
    "e2b-key": "e2" + f"b_{_HEX40}",
    "apify-token": "api" + f"fy_api_{_A36}",
    "llamacloud-key": "ll" + f"x-{_A48}",
    "aws-access-key": "AS" + "IAIOSFODNN7EXAMPLE",
    "aws-session-token": "IQoJb3" + f"JpZ2lu{_A64}{_A64}",
    "aws-bedrock-key": "AB" + f"SK{_A64}{_A64}",
    "alibaba-access-key": "LT" + f"AI5t{_A22[:18]}",
    "yandex-key": "AQ" + f"VN{_A36}",
    "digitalocean-token": "do" + f"o_v1_{_HEX64}",
    "cloudflare-origin-key": "v1." + f"0-{_HEX[:24]}-{_HEX}{_HEX[:18]}",
    "vercel-token": "vc" + f"p_{_A40}",
    "netlify-token": "nf" + f"p_{_A36}",
    "heroku-key": "HR" + f"KU-AA{_A48}",
    "fly-token": "fm" + f"2_{_A64}",
    "render-key": "rn" + f"d_{_A32}",
    "supabase-key": "sb" + f"_secret_{_A32}",
    "planetscale-token": "psc" + f"ale_tkn_{_A40}",
    "neon-password": "np" + f"g_{_A22[:12]}",
    "mongodb-atlas-secret": "mdb" + f"_sa_sk_{_A40}",
    "databricks-token": "da" + f"pi{_HEX32}-2",
    "prefect-key": "pn" + f"u_{_A36}",
    "tailscale-key": "ts" + f"key-auth-kAb12cdCNTRL-{_A32}",
    "vault-token": "hv" + f"s.{_A64}",
    "doppler-token": "dp." + f"pt.{_A40}abc",
    "onepassword-token": "ops" + f"_eyJ{_A64}{_A64}",
    "onepassword-secret-key": "A" + "3-ASWWYB-798JRYLJVD4-23DC2-86TVM-H43EB",
    "age-key": "AGE-SECRET" + f"-KEY-1{_UPPER[:58]}",
    "pulumi-token": "pu" + f"l-{_HEX40}",
    "openshift-token": "sha" + f"256~{_A40}abc",
    "github-token": "ghu" + f"_{_A36}",
    "gitlab-token": "glf" + f"t-{_A22}",
    "bitbucket-password": "AT" + f"BB{_A32}",
    "bitbucket-token": "ATC" + f"TT3xFfGN0{_A64}",
    "atlassian-token": "ATA" + f"TT3xFfGF0{_A64}",
    "trello-token": "AT" + f"TA{_A64}",
    "npm-token": "np" + f"m_{_A36}",
    "pypi-token": "py" + f"pi-AgEIcHlwaS5vcmc{_A48}",
    "rubygems-key": "ruby" + f"gems_{_HEX[:48]}",
    "crates-token": "ci" + f"o{_A32}",
    "nuget-key": "oy" + f"2{_HEX[:43]}",
    "jfrog-key": "AK" + f"Cp{_A64}{_A22[:5]}",
    "docker-token": "dckr" + f"_oat_{_A32}",
    "circleci-token": "CCI" + f"PAT_{_A22}_{_HEX40}",
    "buildkite-token": "bk" + f"ua_{_A40}",
    "postman-key": "PM" + f"AK-{_HEX[:24]}-{_HEX[:34]}",
    "sonar-token": "sq" + f"p_{_HEX40}",
    "sourcegraph-token": "sg" + f"p_{_HEX40}",
    "launchdarkly-key": "sd" + f"k-{_UUID}",
    "octopus-key": "AP" + f"I-{_UPPER[:26]}",
    "harness-key": "pa" + f"t.{_A22}.{_A24}.{_A22[:20]}",
    "slack-token": "xo" + "xe.xoxp-1-Mi0yLTEyMzQ1Njc4OTAxMg",
    "twilio-key": "A" + f"C{_HEX32}",
    "sendgrid-key": "S" + f"G.{_A22}.{_A40}abc",
    "mailgun-key": "k" + f"ey-{_HEX32}",
    "mailchimp-key": _HEX32 + "-us" + "12",
    "brevo-key": "xkey" + f"sib-{_HEX64}-{_A22[:16]}",
    "resend-key": "r" + f"e_{_A22[:8]}_{_A24}",
    "facebook-token": "EA" + f"ACEdEose0cBA{_A64}{_A64}",
    "twitter-bearer": "A" * 21 + f"MLheAAAAAAA0{_A22[:14]}%2B{_A40}",
    "telegram-token": "123456789:" + "AAEhBP0av28abcdefghijklmnopqrstuvwx",
    "discord-token": "MTk4NjIyNDgz" + "NDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs",
    "stripe-key": "rk" + f"_live_{_A24}",
    "stripe-webhook-secret": "wh" + f"sec_{_A32}",
    "square-token": "sq0" + f"csp-{_A40}abc",
    "braintree-token": "access_token" + f"$production${_A22[:16]}${_HEX32}",
    "plaid-token": "access" + f"-production-{_UUID}",
    "adyen-key": "AQ" + f"Eyhmfx{_A64}",
    "shopify-token": "shp" + f"ss_{_HEX32}",
    "razorpay-key": "rzp" + f"_live_{_A22[:14]}",
    "lob-key": "li" + f"ve_{_HEX[:35]}",
    "shippo-token": "shi" + f"ppo_live_{_HEX40}",
    "easypost-key": "EZ" + f"AK{_HEX[:54]}",
    "duffel-token": "duf" + f"fel_live_{_A40}abc",
    "notion-token": "nt" + f"n_123456789012{_A32}",
    "linear-key": "lin" + f"_api_{_A40}",
    "airtable-token": "pa" + f"t{_A22[:14]}.{_HEX64}",
    "figma-token": "fi" + f"gd_{_A40}",
    "dropbox-token": "s" + f"l.{_A64}{_A64}",
    "hubspot-token": "pat-" + f"na1-{_UUID}",
    "typeform-token": "tf" + f"p_{_A40}_{_A22[:14]}",
    "contentful-token": "CF" + f"PAT-{_A40}abc",
    "mapbox-token": "sk" + f".eyJ1Ijoi{_A40}.{_A22}",
    "newrelic-key": "NR" + f"AK-{_UPPER[:27]}",
    "grafana-token": "gl" + f"sa_{_A32}_{_HEX[:8]}",
    "sentry-token": "snt" + f"ryu_{_HEX64}",
    "dynatrace-token": "dt0" + f"c01.{_UPPER[:24]}.{_UPPER}",
    "posthog-key": "ph" + f"x_{_A40}",
    "azure-client-secret": "abc" + f"8Q~{_A32}ab",
    "terraform-token": "abcdefghijklmn" + f".atlasv1.{_A64}",
    "asana-token": "1/" + f"1234567890123456:{_HEX32}",
    "jwt": "eyJ" + "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
    "crypto-private-key": "5Kb8kLf9zgWQnogid" + "DA76MzPL6TsZZY36hWXMssSzNydYXYB9KF",
    "password-hash": "$2b$12$" + "abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234",
    "private-key": "-----BEGIN OPENSSH PRIVATE " + "KEY-----\\nb3BlbnNzaC1rZXktdjEAAAAA\\nAAAABG5vbmU=\\n",
}
_FRAMES = (
    "{}",
    "it is {}.",
    '{{"k": "{}"}}',
    "`{}`",
    "({}),",
    "<b>{}</b>",
    "line one\\n{}\\n",
    "\x1b[32m{}\x1b[0m",
    "x={}&y=1",
)


@pytest.mark.parametrize("kind", PROVIDERS)
def test_token_goes_as_a_whole_and_nothing_else(kind: str) -> None:
    token = PROVIDERS[kind]
    for frame in _FRAMES:
        before, _, after = frame.replace("{{", "{").partition("{}")
        text = before + token + after
        spans = _spans(text)
        assert [span.kind for span in spans] == [kind], frame
        assert spans[0].start == len(before), frame
        # An armour that was cut off takes the line break after it along.
        assert spans[0].end == len(before) + len(token) or kind == "private-key", frame


def test_there_are_many_kinds() -> None:
    assert len(PROVIDERS) >= 90


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("my password is hunter2!", "my password is <REDACTED:secret>"),
        ("my password is swordfish.", "my password is <REDACTED:secret>."),
        ("wifi password: Blue-Kettle-77", "wifi password: <REDACTED:secret>"),
        ("password: ^8GnT+kD_Q", "password: <REDACTED:secret>"),
        ("**Password:** hunter2", "**Password:** <REDACTED:secret>"),
        ("abc123def456 is my password", "<REDACTED:secret> is my password"),
        ("Passwort: Katze99", "Passwort: <REDACTED:secret>"),
        ("my pin is 1234", "my pin is <REDACTED:pin>"),
        ("passcode: 8841", "passcode: <REDACTED:secret>"),
        ("your verification code is 481923", "your verification code is <REDACTED:one-time-code>"),
        ("G-481923 is your Google verification code", "<REDACTED:one-time-code> is your Google verification code"),
        ("curl -u admin:s3cretPw https://x.y", "curl -u admin:<REDACTED:password> https://x.y"),
        ("mysql -u root -phunter22 db", "mysql -u root -p<REDACTED:password> db"),
        ("tool --password hunter --x", "tool --password <REDACTED:secret> --x"),
        ("PGPASSWORD=hunter2 psql -h x", "PGPASSWORD=<REDACTED:secret> psql -h x"),
        ("docker run -e SECRET=abc123xyz img", "docker run -e SECRET=<REDACTED:secret> img"),
        ("machine x.com login bob password s3cr3tpw", "machine x.com login bob password <REDACTED:secret>"),
        ("db.host:5432:app:bob:s3cr3tpw", "db.host:5432:app:bob:<REDACTED:password>"),
        ("Uid=bob;Pwd=hunter22;Encrypt=True", "Uid=bob;Pwd=<REDACTED:secret>;Encrypt=True"),
        ("<password>hunter2</password>", "<password><REDACTED:secret></password>"),
        ('<add key="Password" value="hunter2"/>', '<add key="Password" value="<REDACTED:secret>"/>'),
        ("const apiKey = 'a1b2c3d4e5f6g7h8';", "const apiKey = '<REDACTED:secret>';"),
        ('os.environ["API_KEY"] = "abc123def456"', 'os.environ["API_KEY"] = "<REDACTED:secret>"'),
        ('client.set_password("hunter2")', 'client.set_password("<REDACTED:secret>")'),
        ("DB_PASSWORD=swordfish", "DB_PASSWORD=<REDACTED:secret>"),
        (f"MISTRAL_API_KEY={_A32}", "MISTRAL_API_KEY=<REDACTED:mistral-secret>"),
        (f"signature: {_HEX64}", "signature: <REDACTED:secret>"),
        ("Authorization: ApiKey abc12345", "Authorization: ApiKey <REDACTED:authorization>"),
        ("Cookie: sid=s%3Aa1b2c3d4; theme=dark", "Cookie: sid=<REDACTED:cookie>; theme=dark"),
        ("Set-Cookie: sid=a1b2c3d4; Path=/; HttpOnly", "Set-Cookie: sid=<REDACTED:cookie>; Path=/; HttpOnly"),
        ("redis://:pw@host:6379", "redis://<REDACTED:url-credentials>@host:6379"),
        (f"https://{_HEX32}@o1.ingest.sentry.io/123", "https://<REDACTED:sentry-dsn>@o1.ingest.sentry.io/123"),
        (f"https://b.example/c?sv=2020&sig={_A32}%3D&x=1", "https://b.example/c?sv=2020&sig=<REDACTED:azure-sas>&x=1"),
        ("CREATE USER x IDENTIFIED BY 'hunter2'", "CREATE USER x IDENTIFIED BY '<REDACTED:password>'"),
        (
            "seed phrase: legal winner thank year wave sausage worth useful legal winner thank yellow",
            "seed phrase: <REDACTED:seed-phrase>",
        ),
    ],
)  # fmt: skip
def test_only_the_value_goes(text: str, expected: str) -> None:
    assert _filtered(text) == expected


def test_secret_next_to_an_access_key_id() -> None:
    text = "id AKIA" + "IOSFODNN7EXAMPLE and then wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAM3LEKEY"
    assert _filtered(text) == "id <REDACTED:aws-access-key> and then <REDACTED:aws-secret-key>"


@pytest.mark.parametrize(
    "text",
    [
        "I forgot my password and how do I reset my passcode?",
        "the token limit is 4096, max_tokens: 4096, token count = 81234",
        "password: required, my PIN is blocked, my password is incorrect.",
        "def login(password: str, token: Token) -> None:",
        'password = os.environ["DB_PASSWORD"]; key = process.env.API_KEY; pw = getpass()',
        "token = config.token; secret: settings.secret_key; api_key=self.api_key",
        "API_KEY=<YOUR_KEY> TOKEN=${TOKEN} SECRET=xxxxxxxx PASSWORD=***** KEY=$KEY",
        "postgres://user:${PASSWORD}@host/db and postgresql://user:password@host/db",
        "class sk-fading-circle-container and sk-toggleable__content-arrow",
        "Bearer YOUR_ACCESS_TOKEN_HERE, the bearer authentication-scheme",
        '"integrity": "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg=="',
        "nextPageToken: CAUQAA1234567890abcdef, cache_key = 9fceb02d0ae598e95dc970b74767f19372d61af8",
        f"commit {_HEX40}, id {_UUID}",
        "primary_key: users_2024_01_01, keyboard: qwerty12345678901234567",
        "-----BEGIN PRIVATE " + "KEY----- starts the file",
        '<input type="password" name="password" placeholder="Your password" class="form-control">',
        "raise ValueError('password must have 8 characters')",
        "chown -R 1000:1000 /x; docker run -u 1000:1000 img",
        "My card PIN does not work. Why was my verification code not sent? It said error code 4040.",
        "recovery phrase: write down the words that we show and keep them in a safe place for later use",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert _filtered(text) == text


@pytest.mark.parametrize(
    "text", [*PROVIDERS.values(), "password: a1b2&c3;d4 pin 1234, Bearer abcdefghij0123456789"]
)
def test_what_is_left_holds_nothing_more(text: str) -> None:
    once = _filtered(f"token={text} {text}\npassword: {text}")
    assert _filtered(once) == once


_SIZE = 200_000
# Measured: up to 0.6 s of processor time for one detector; a quadratic pattern would take minutes.
_LIMIT_SECONDS = 2.0
_UNITS = (
    "sk-", "sk-ant-", "pa-", "eyJ", "-eyJ", "\\neyJ", "/eyJrIjoi", "+AQE", "xoxb-", "SG.", "ghp_", "AKIA", "AKIAIOSFODNN7EXAMPLE ",
    "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\nAAAAAAAAAA\n", "-----END PRIVATE KEY-----", "AAAA\n", "://a:", "://",
    "a@://", "$1$", "$2b$12$", "seed phrase apple ", "seed phrase: ", "mnemonic ", "passphrase abc ", "apple ", "password", "password=",
    "password: ", "password is ", "token=", "token: a1", "key=", "secret ", "auth ", "_auth=", "pin ", "code ", "otp 1", "verification code ",
    "123456 is your ", "Authorization: ", "Authorization: a ", "authorization=", "Cookie: a=", "cookie=", "a=b;", "Bearer ", "basic ",
    "curl -u ", "curl ", "mysql -p ", "pass:", "sshpass ", ":AA", "1234567890:AA", ".", ".a", "-us1", "Q~", ".atlasv1.", "|", "-", "_", "/",
    '"', "'", "\\", '\\"', '"a":', '"a": "', "a", "1", "A", "0x", " ", "\n", "<", ">", "(", "{", "${", "%", "`", "=", ":", "a:5432:", "hook.",
    "sig=", "PuTTY-User-Key-File-2:\n", "PuTTY-User-Key-File-2: a\n",
)  # fmt: skip


@pytest.mark.parametrize("unit", _UNITS, ids=repr)
def test_hostile_text_takes_linear_time(unit: str) -> None:
    text = (unit * (_SIZE // len(unit) + 1))[:_SIZE] + "\n@!"
    for detector in _DETECTORS:
        started = time.process_time()
        for _ in detector.find(text):
            pass
        assert time.process_time() - started < _LIMIT_SECONDS, type(detector)


def test_many_secret_values_take_one_scan() -> None:
    values = [f"{number:03d}-secret-value-{number * 7919:06d}" for number in range(300)]
    detector = SecretValueDetector(values)
    text = "an ordinary sentence about nothing 00" * 27_000
    started = time.process_time()
    assert list(detector.find(text)) == []
    assert time.process_time() - started < 1.0
    assert len(list(detector.find(" ".join(values)))) == 300


def test_overlapping_secret_values_both_go() -> None:
    detector = SecretValueDetector(["abcdefgh-12345678", "12345678-zyxwvuts"])
    [span] = resolve(detector.find("is abcdefgh-12345678-zyxwvuts."))
    assert (span.start, span.end) == (3, 29)
