"""The set `secrets`: credentials in the shapes that their issuers document, with random bodies.

A shape is text with fields `{count:alphabet}`: `x` hexadecimal, `X` upper-case hexadecimal, `d` digits, `a` lower-case
letters and digits, `A` upper-case letters and digits, `w` letters and digits, `u` letters, digits, `_` and `-`, `b`
base64, `U` a UUID, `J` a JSON object in base64. What stands before a `|` is public. Shapes whose issuer gives them no mark of their own stand in `UNMARKED`, with the variable name
by which alone anybody can tell what they are.
"""

from __future__ import annotations

import base64
import json
import re
import string
import uuid
from random import Random

from benchmarks.privacy.labelled import Document, labelled, mark

_ALPHABETS = {
    "x": "0123456789abcdef",
    "X": "0123456789ABCDEF",
    "d": string.digits,
    "a": string.ascii_lowercase + string.digits,
    "A": string.ascii_uppercase + string.digits,
    "B": string.ascii_uppercase + "234567",
    "w": string.ascii_letters + string.digits,
    "u": string.ascii_letters + string.digits + "_-",
    "b": string.ascii_letters + string.digits + "+/",
}
_FIELD = re.compile(r"\{(\d+):(\w)\}")

# Issuer: shapes. The pieces are joined so that no scanner takes this file for a leak.
MARKED: dict[str, tuple[str, ...]] = {
    "anthropic": ("sk-ant-" + "api03-{93:u}AA", "sk-ant-" + "admin01-{93:u}AA", "sk-ant-" + "oat01-{86:u}"),
    "openai": ("sk-" + "{20:w}T3BlbkFJ{20:w}", "sk-proj-" + "{74:u}T3BlbkFJ{74:u}", "sk-svcacct-" + "{58:u}T3BlbkFJ{58:u}"),
    "openrouter": ("sk-or-" + "v1-{64:x}",),
    "groq": ("gsk_" + "{52:w}",),
    "xai": ("xai-" + "{80:w}",),
    "perplexity": ("pplx-" + "{48:w}",),
    "huggingface": ("hf_" + "{34:w}",),
    "replicate": ("r8_" + "{37:w}",),
    "fireworks": ("fw_" + "{24:w}",),
    "nvidia": ("nvapi-" + "{64:u}",),
    "langsmith": ("lsv2_" + "pt_{32:x}_{10:x}", "lsv2_" + "sk_{32:x}_{10:x}"),
    "langfuse": ("sk-lf-" + "{1:U}",),
    "tavily": ("tvly-" + "{32:w}",),
    "github": ("ghp_" + "{36:w}", "gho_" + "{36:w}", "ghs_" + "{36:w}", "ghu_" + "{36:w}", "ghr_" + "{36:w}"),
    "github fine-grained": ("github_pat_" + "{22:w}_{59:w}",),
    "gitlab": ("glpat-" + "{20:u}", "gldt-" + "{20:u}", "glrt-" + "{20:u}", "glptt-" + "{40:x}"),
    "bitbucket": ("ATBB" + "{32:w}", "ATCTT3xFf" + "GN0{172:u}={8:X}"),
    "atlassian": ("ATATT3xFf" + "GF0{171:u}={8:X}",),
    "aws key id": ("AKIA" + "{16:B}", "ASIA" + "{16:B}"),
    "aws bedrock": ("ABSK" + "{109:b}",),
    "google api": ("AIza" + "{35:u}",),
    "google oauth": ("GOCSPX-" + "{28:u}", "ya29." + "{120:u}", "1//0" + "{90:u}"),
    "azure storage": ("{86:b}" + "==",),
    "azure entra": ("{3:w}8Q~" + "{34:u}",),
    "digitalocean": ("dop_v1_" + "{64:x}", "doo_v1_" + "{64:x}", "dor_v1_" + "{64:x}"),
    "heroku": ("HRKU-" + "AA{58:u}",),
    "fly": ("fm2_" + "{140:b}",),
    "vercel": ("vcp_" + "{56:w}",),
    "netlify": ("nfp_" + "{36:w}",),
    "supabase": ("sbp_" + "{40:x}", "sb_secret_" + "{22:u}_{8:u}"),
    "planetscale": ("pscale_tkn_" + "{43:u}", "pscale_pw_" + "{43:u}"),
    "neon": ("napi_" + "{64:a}",),
    "databricks": ("dapi" + "{32:x}",),
    "vault": ("hvs." + "{95:u}", "hvb." + "{140:u}"),
    "terraform cloud": ("{14:w}.atlasv1." + "{65:u}",),
    "pulumi": ("pul-" + "{40:x}",),
    "doppler": ("dp.pt." + "{43:w}", "dp.st.prd." + "{43:w}"),
    "1password": ("ops_" + "{250:J}",),
    "stripe": ("sk_" + "live_{24:w}", "rk_" + "live_{24:w}", "sk_" + "test_{99:w}", "whsec_" + "{32:w}"),
    "square": ("sq0atp-" + "{22:u}", "sq0csp-" + "{43:u}", "EAAA" + "{60:u}"),
    "paypal braintree": ("access_token$production$" + "{16:a}${32:x}",),
    "razorpay": ("rzp_live_" + "{14:w}",),
    "shopify": ("shpat_" + "{32:x}", "shpca_" + "{32:x}", "shpss_" + "{32:x}"),
    "slack": ("xoxb-" + "{12:d}-{13:d}-{24:w}", "xoxp-" + "{11:d}-{11:d}-{12:d}-{32:x}", "xapp-1-" + "A{10:A}-{13:d}-{64:x}"),
    "slack webhook": ("https://hooks.slack.com/services/|" + "T{10:A}/B{10:A}/{24:w}",),
    "discord bot": ("MT" + "{24:w}.G{5:w}.{38:u}",),
    "discord webhook": ("https://discord.com/api/webhooks/|" + "{19:d}/{68:u}",),
    "telegram bot": ("{10:d}:AA" + "{33:u}",),
    "teams webhook": ("https://contoso.webhook.office.com/webhookb2/|" + "{1:U}@{1:U}/IncomingWebhook/{32:x}/{1:U}",),
    "twilio": ("SK" + "{32:x}",),
    "sendgrid": ("SG." + "{22:u}.{43:u}",),
    "mailgun": ("key-" + "{32:x}", "{32:x}-{8:x}-{8:x}"),
    "mailchimp": ("{32:x}-us" + "{1:d}",),
    "brevo": ("xkeysib-" + "{64:x}-{16:w}",),
    "postman": ("PMAK-" + "{24:x}-{34:x}",),
    "npm": ("npm_" + "{36:w}",),
    "pypi": ("pypi-AgEIcHlwaS5vcmc" + "{150:u}",),
    "rubygems": ("rubygems_" + "{48:x}",),
    "docker hub": ("dckr_pat_" + "{27:u}",),
    "sentry": ("sntrys_" + "{120:J}_{43:w}", "sntryu_" + "{64:x}"),
    "new relic": ("NRAK-" + "{27:A}", "NRJS-" + "{19:x}"),
    "grafana": ("glsa_" + "{32:w}_{8:x}", "glc_" + "{80:J}"),
    "dynatrace": ("dt0c01." + "{24:A}.{64:A}",),
    "linear": ("lin_api_" + "{40:w}",),
    "notion": ("ntn_" + "{46:w}", "secret_" + "{43:w}"),
    "figma": ("figd_" + "{40:u}",),
    "airtable": ("pat{14:w}." + "{64:x}",),
    "typeform": ("tfp_" + "{40:u}_{14:w}",),
    "hubspot": ("pat-na1-" + "{1:U}", "pat-eu1-" + "{1:U}"),
    "intercom": ("dG9rO" + "{55:w}=",),
    "asana": ("1/{16:d}:" + "{32:x}", "2/{16:d}/{16:d}:" + "{32:x}"),
    "contentful": ("CFPAT-" + "{43:u}",),
    "mapbox": ("sk." + "{60:J}.{22:u}",),
    "facebook": ("EAAC" + "{150:w}",),
    "pinecone": ("pcsk_" + "{5:w}_{63:w}",),
    "jwt": ("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." + "{90:J}.{43:u}",),
    "age": ("AGE-SECRET-KEY-1" + "{58:A}",),
    "clickhouse": ("4b1d" + "{38:w}",),
    "prefect": ("pnu_" + "{36:a}",),
    "duffel": ("duffel_live_" + "{43:u}",),
    "easypost": ("EZAK" + "{54:w}", "EZTK" + "{54:w}"),
    "flutterwave": ("FLWSECK-" + "{32:x}-X",),
    "frame.io": ("fio-u-" + "{64:u}",),
}  # fmt: skip

UNMARKED: dict[str, tuple[str, str]] = {
    "AWS_SECRET_ACCESS_KEY": ("aws", "{40:b}"),
    "DD_API_KEY": ("datadog", "{32:x}"),
    "DD_APP_KEY": ("datadog", "{40:x}"),
    "TWILIO_AUTH_TOKEN": ("twilio", "{32:x}"),
    "CLOUDFLARE_API_TOKEN": ("cloudflare", "{40:u}"),
    "AZURE_OPENAI_API_KEY": ("azure", "{32:x}"),
    "COHERE_API_KEY": ("cohere", "{40:w}"),
    "MISTRAL_API_KEY": ("mistral", "{32:w}"),
    "ELEVENLABS_API_KEY": ("elevenlabs", "{32:x}"),
    "DEEPGRAM_API_KEY": ("deepgram", "{40:x}"),
    "OPENWEATHER_API_KEY": ("openweather", "{32:x}"),
    "ALGOLIA_ADMIN_KEY": ("algolia", "{32:x}"),
    "PAGERDUTY_TOKEN": ("pagerduty", "u+{18:w}"),
    "CIRCLECI_TOKEN": ("circleci", "{40:x}"),
    "TRELLO_SECRET": ("trello", "{64:x}"),
    "ZENDESK_API_TOKEN": ("zendesk", "{40:w}"),
    "DATABASE_PASSWORD": ("database", "{14:w}"),
    "SMTP_PASS": ("mail server", "{12:w}"),
    "JWT_SECRET": ("application", "{48:u}"),
    "SESSION_SECRET": ("application", "{64:x}"),
    "ENCRYPTION_KEY": ("application", "{43:b}="),
}
_URL_SCHEMES = (
    "postgres",
    "postgresql+asyncpg",
    "mysql",
    "mongodb+srv",
    "redis",
    "amqps",
    "https",
    "ftp",
    "smtp",
)
_CONTEXTS = (
    "here is the key you asked for: {}",
    "it still says 401, i used {} as always",
    '{{"provider": "{name}", "apiKey": "{}"}}',
    "{NAME}_TOKEN={}",
    'export {NAME}_API_KEY="{}"',
    "curl -H 'Authorization: Bearer {}' https://api.example.com/v1/me",
    "X-Api-Key: {}",
    'client = Client(token="{}", timeout=30)',
    "2026-06-12T10:01:02Z ERROR auth failed for token {} (403)",
    "https://api.example.com/v1/items?api_key={}&page=2",
    "  {name}_key: {}\n  region: eu-central-1",
    "| {name} | {} | rotated |",
)


def fill(random: Random, shape: str) -> str:
    """A credential of this shape."""

    def field(match: re.Match[str]) -> str:
        if match[2] == "U":
            return str(uuid.UUID(int=random.getrandbits(128), version=4))
        if match[2] == "J":
            filling = "".join(random.choices(string.ascii_letters, k=int(match[1]) // 2))
            claims = json.dumps({"sub": str(random.getrandbits(40)), "iat": 1_780_000_000, "jti": filling})
            return base64.urlsafe_b64encode(claims.encode()).decode().rstrip("=")
        return "".join(random.choices(_ALPHABETS[match[2]], k=int(match[1])))

    return _FIELD.sub(field, shape)


def marked(random: Random, shape: str) -> str:
    """A credential of this shape with its mark; what stands before a `|` in the shape is public."""
    public, separator, secret = shape.rpartition("|")
    return (
        public + mark("credential", fill(random, secret))
        if separator
        else mark("credential", fill(random, shape))
    )


def any_credential(random: Random) -> str:
    """A credential of any issuer, without a context."""
    return fill(random, random.choice(random.choice(list(MARKED.values())))).replace("|", "")


def password(random: Random) -> str:
    """A password as people and generators choose them."""
    word = random.choice(
        ("Sommer", "dragon", "Winter", "hunter", "Passw0rd", "letmein", "Kaffee", "tr0ub4dor")
    )
    return random.choice(
        (word + str(random.randrange(10, 2100)) + random.choice("!?#$"), fill(random, "{12:w}"), fill(random, "{5:w}!{6:w}"),
         f"{word.lower()}-{random.choice(('horse', 'staple', 'battery'))}-{random.randrange(10, 99)}")
    )  # fmt: skip


def pem(random: Random) -> str:
    """A private key block; the frame counts as harmless, the body does not."""
    kind = random.choice(("RSA PRIVATE KEY", "PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY"))
    body = "\n".join(fill(random, "{64:b}") for _ in range(random.randrange(4, 14)))
    return f"-----BEGIN {kind}-----\n{mark('credential', body + chr(10) + fill(random, '{30:b}'))}==\n-----END {kind}-----"


def url_with_password(random: Random) -> str:
    """The address of a server with a user and a password in it."""
    secret = random.choice(
        (fill(random, "{16:w}"), fill(random, "{10:w}-{4:w}"), "p%40" + fill(random, "{10:w}"))
    )
    scheme, host = (
        random.choice(_URL_SCHEMES),
        random.choice(("db.internal:5432", "cache-01:6379", mark("service", "10.0.3.7"), "mq.example.org")),
    )
    return f"{scheme}://{random.choice(('app', 'admin', 'svc_report', ''))}:{mark('credential', secret)}@{host}/main"


def basic(random: Random) -> str:
    """A header of HTTP basic authentication."""
    return "Authorization: Basic " + mark(
        "credential", base64.b64encode(fill(random, "svc:{16:w}").encode()).decode()
    )


def documents(rounds: int, seed: int) -> list[Document]:
    """Every issuer in `rounds` different contexts (at most twelve), and what has no issuer as often."""
    random = Random(seed)
    made: list[Document] = []
    for name, shapes in MARKED.items():
        for position, context in enumerate(random.sample(_CONTEXTS, rounds)):
            secret = marked(random, shapes[position % len(shapes)])
            short = re.sub(r"\W+", "_", name)
            context = (
                context
                if not secret.count("://")
                else random.choice(("webhook: {}", "POST {}", '{{"url": "{}"}}'))
            )
            made.append(labelled(context.format(secret, name=short, NAME=short.upper()), name))
    for variable, (issuer, shape) in UNMARKED.items():
        values = [mark("credential", fill(random, shape)) for _ in range(rounds)]
        made += [
            labelled(_assignment(random, variable, value, at), issuer) for at, value in enumerate(values)
        ]
    for _ in range(rounds * 4):
        made += [
            labelled(pem(random), "pem"),
            labelled(url_with_password(random), "url"),
            labelled(basic(random), "basic"),
        ]
        made.append(labelled(_spoken(random), "password"))
    return made


def _assignment(random: Random, variable: str, secret: str, number: int) -> str:
    camel = "".join(part.capitalize() if at else part.lower() for at, part in enumerate(variable.split("_")))
    forms = (
        f"{variable}={secret}", f"export {variable}='{secret}'", json.dumps({camel: secret, "region": "eu"}, ensure_ascii=False),
        f"{variable.lower()}: {secret}", f'os.environ["{variable}"] = "{secret}"', f"-e {variable}={secret} \\",
        json.dumps({"env": [{"name": variable, "value": secret}]}, ensure_ascii=False), f'const {camel} = "{secret}";',
    )  # fmt: skip
    return forms[number % len(forms)] if random.random() < 0.9 else forms[0]


def _spoken(random: Random) -> str:
    secret = mark("credential", password(random))
    return random.choice(
        ("my password is {}", "password: {}", "the wifi password is {} btw", '{{"username": "jo", "password": "{}"}}', "pwd={};Database=crm",
         "login with admin / pw {}", "mysql -u root -p{} crm", "curl -u deploy:{} https://ci.example.com", "passphrase = '{}'", "mein passwort lautet {}")
    ).format(secret)  # fmt: skip
