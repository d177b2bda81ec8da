"""Private data of every kind, made up for the tests, and text that only looks like it.

The tokens are joined from halves so that secret scanners of this repository stay quiet.
"""

from __future__ import annotations

_HEX32 = "0123456789abcdef" * 2
_WORD = "Abcdef0123456789Ghij"

CREDENTIALS: dict[str, str] = {
    "anthropic-key": "sk-" + f"ant-api03-{_WORD}",
    "openai-key": "sk-" + f"proj-{_WORD}",
    "github-token": "gh" + f"p_{_WORD}{_WORD}",
    "github-token/oauth": "gh" + f"o_{_WORD}{_WORD}",
    "github-token/server": "gh" + f"s_{_WORD}{_WORD}",
    "github-token/fine-grained": "github_" + f"pat_11ABCDEFG0{_WORD}_{_WORD}",
    "aws-access-key": "AKIA" + "IOSFODNN7EXAMPLE",
    "jwt": "eyJ" + "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
    "slack-token": "xo" + f"xb-123456789012-{_WORD}",
    "slack-webhook": "https://hooks.slack" + f".com/services/T00000000/B00000000/{_WORD}",
    "google-api-key": "AI" + "zaSyA1234567890abcdefghijklmnopqrstuv",
    "google-token": "ya29" + f".a0Af_{_WORD}{_WORD}",
    "stripe-key": "sk" + f"_live_{_WORD}",
    "gitlab-token": "glp" + f"at-{_WORD}",
    "huggingface-token": "hf" + f"_{_WORD}{_WORD}",
    "npm-token": "np" + f"m_{_WORD}{_WORD}",
    "pypi-token": "py" + f"pi-AgEIcHlwaS5vcmc{_WORD}",
    "sendgrid-key": "S" + f"G.{_WORD}ab.{_WORD}{_WORD}abc",
    "mailgun-key": "ke" + f"y-{_HEX32}",
    "twilio-key": "S" + f"K{_HEX32}",
    "digitalocean-token": "do" + f"p_v1_{_HEX32}{_HEX32}",
    "shopify-token": "shp" + f"at_{_HEX32}",
    "databricks-token": "da" + f"pi{_HEX32}",
    "vault-token": "hv" + f"s.{_WORD}{_WORD}",
    "telegram-token": "123456789:" + "AAEhBP0av28abcdefghijklmnopqrstuvwx",
    "groq-key": "gs" + f"k_{_WORD}{_WORD}",
    "private-key": "-----BEGIN RSA "
    "PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7\nabcdefgh+/==\n-----END RSA PRIVATE KEY-----",
}
"""Credentials by the kind that must be reported (up to a slash)."""

PERSONAL: dict[str, str] = {
    "email": "jane.doe+test@example.co.uk",
    "email/quoted": "o'neil_99@mail.example.org",
    "phone": "+44 20 7946 0958",
    "phone/national": "(415) 555-0123",
    "phone/dashes": "212-867-5309",
    "address": "1600 Amphitheatre Parkway, Suite 200, Mountain View, CA 94043",
    "address/box": "PO Box 4242",
    "address/last-line": "Springfield, IL 62704",
    "card-number": "4111 1111 1111 1111",
    "card-number/amex": "378282246310005",
    "ssn": "123-45-6789",
    "iban": "DE89 3704 0044 0532 0130 00",
    "iban/compact": "GB82WEST12345698765432",
    "ip-address": "203.0.113.77",
    "ip-address/6": "2001:db8:85a3::8a2e:370:7334",
    "geo": "-33.868820, 151.209290",
    "geo/labelled": "lat: 37.7749, lng: -122.4194",
    "geo/json": '"latitude":40.71,"longitude":-74.0',
    "geo/degrees": "37.7749° N, 122.4194° W",
    "email/spelled": "jane at example dot com",
    "phone/germany": "+49 (0)30 123456",
    "phone/france": "06 12 34 56 78",
    "phone/mobile": "0151 23456789",
    "address/germany": "Musterstraße 12, 10115 Berlin",
    "address/france": "12 rue de la Paix, 75002 Paris",
    "address/spain": "Calle Mayor 5, 28013 Madrid",
    "address/netherlands": "Keizersgracht 123, 1015 CJ Amsterdam",
    "address/britain": "10 Downing Street, London, SW1A 2AA",
    "national-id/spain": "12345678Z",
    "national-id/italy": "RSSMRA85T10A562S",
    "national-id/brazil": "529.982.247-25",
    "vehicle": "1HGCM82633A004352",
    "mac-address": "00:1A:2B:3C:4D:5E",
    "crypto-address": "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
    "crypto-address/ethereum": "0x52908400098527886E0F7030069857D2E4169EE7",
}
"""Personal data by kind."""

HARMLESS: tuple[str, ...] = (
    "ids 1024, 2048 and 3,5",
    "ratio 1.5, 2.5 and 3.1,4.1",
    "commit 9fceb02d0ae598e95dc970b74767f19372d61af8 by the bot",
    "550e8400-e29b-41d4-a716-446655440000",
    "whetstone 1.22.333-rc.4+build.55, then ^2.0.0",
    "finished at 1760000000123 after 1760000000 s",
    "2024-01-31T23:59:59.123+00:00",
    "ISBN 978-3-16-148410-0 or 9783161484100",
    "import type { X } from '@types/node'; // eslint @typescript-eslint/parser",
    "@app.get('/x')\n@dataclass\nclass A:\n    pass",
    "bbox [0.12, 0.34, 0.56, 0.78] and [100.25, 200.50, 640.75, 480.10]",
    "version 1.2.3.4 of Chrome/120.0.0.0, pip install foo==1.2.3.4",
    "order #123456789, invoice 2024-000123, ticket ABC-1234-5678",
    "127.0.0.1:8080 and 0.0.0.0 and netmask 255.255.255.0 and ::1",
    "std::vector<int> a; x[1::2]; 12:30:45; aa::bb",
    "git clone git@github.com:owner/name.git; logo@2x.png; left-pad@1.3.0",
    "max_tokens=1024, nextPageToken: abcdefgh12345678, tokenizer=gpt2tokenizer1",
    "password: process.env.DB_PASSWORD, token=os.environ, secret: string",
    "token = b64encode(userpass).decode(); secret = list2[0]; matches 2, 1 row changed",
    '{"e-mail": "📧"} and {"secret": "㊙", "password": "…"}',
    "task-management-and-other-things, disk-encryption-is-on-everywhere",
    "10 minutes down the road, 5 of the best way, a 24 hour drive",
    "the bearer of this letter asks for basic understanding",
    "lat and long are short; flat: 5, long: 6",
    "1 + 2 - 3 = 0; 100-200-300; 3.14, 2; 192.168 is a prefix",
    "card 1234 5678 9012 3456 fails its checksum; so does 4111111111111112",
    "AKIA is a prefix, sk-short, ghp_tiny, eyJ, xoxb-, AIza",
    "account holder since 2019; account created 2020-01-01; order number 12345678",
    "released 2020-01-02, the company was born in 2004, due 12/05/2020",
    "RFC 2373 2.5.2; x = y + 907133923; scores 10-12 21-19 15-21",
    "ff:ff:ff:ff:ff:ff, 00:00:00:00:00:00; look at github.com",
    "via 10 steps, place Order 5, the ring 5, 2 Square meters, 100 Days of Code",
    "Grüße, 你好, привет, مرحبا 😀",
)
"""Text that must come out as it went in."""


def kind_of(name: str) -> str:
    """The reported kind of a sample."""
    return name.partition("/")[0]


def private_core(sample: str) -> list[str]:
    """Parts of a sample of which none may survive."""
    return [
        part
        for part in sample.replace("\n", " ").split(" ")
        if any(c.isdigit() for c in part) and len(part) > 3
    ]
