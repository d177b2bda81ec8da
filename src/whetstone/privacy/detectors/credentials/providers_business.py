"""The table of providers, second part: messages, payments, office tools, monitoring, social networks."""

from __future__ import annotations

from typing import Final

from whetstone.privacy.detectors.credentials.tokens import TokenRule as Rule

_A: Final = "[A-Za-z0-9]"
_W: Final = "[A-Za-z0-9_-]"
_H: Final = "[0-9a-f]"
_END: Final = "(?![A-Za-z0-9])"
_UUID: Final = f"{_H}{{8}}-{_H}{{4}}-{_H}{{4}}-{_H}{{4}}-{_H}{{12}}"

_MESSAGES: Final = (
    Rule("slack-token", ("xox",), "[a-z](?:\\.xox[a-z])?-[A-Za-z0-9-]{10,}+"),
    Rule("slack-token", ("xapp-", "xwfp-"), "[A-Za-z0-9-]{12,}+", mixed=True),
    Rule("twilio-key", ("SK", "AC"), f"{_H}{{32}}{_END}"),
    Rule("sendgrid-key", ("SG.",), f"{_W}{{16,}}+\\.{_W}{{16,}}+"),
    Rule("mailgun-key", ("key-", "pubkey-"), f"{_H}{{32}}{_END}"),
    Rule("mandrill-key", ("md-",), f"{_W}{{20,24}}{_END}", mixed=True),
    Rule("brevo-key", ("xkeysib-", "xsmtpsib-"), f"{_W}{{40,}}+"),
    Rule("resend-key", ("re_",), f"{_A}{{6,12}}_{_A}{{20,}}+", mixed=True),
    Rule("mailersend-key", ("mlsn.",), f"{_H}{{40,}}+"),
    Rule("onesignal-key", ("os_v2_app_", "os_v2_org_"), f"{_A}{{40,}}+"),
    Rule("facebook-token", ("EAA",), f"{_A}{{60,}}+"),
    Rule("instagram-token", ("IGQV", "IGAA"), f"{_W}{{60,}}+"),
    Rule("twitter-bearer", ("A" * 20,), "A{0,2}(?!A)(?=[A-Za-z0-9]{0,120}+%)[A-Za-z0-9%]{40,}+"),
    Rule("twitch-token", ("oauth:",), f"[a-z0-9]{{30}}{_END}"),
    Rule("tiktok-token", ("act.",), f"{_A}{{40,}}+(?:![\\w.]{{1,12}})?", mixed=True),
    Rule("linkedin-secret", ("WPL_AP",), "\\d\\.[A-Za-z0-9.=+/]{14,}+"),
    Rule("intercom-token", ("dG9rO",), "[A-Za-z0-9+/]{40,90}+=*+(?![A-Za-z0-9+/])"),
)

_PAYMENTS: Final = (
    Rule(
        "stripe-key",
        ("sk_live_", "sk_test_", "rk_live_", "rk_test_", "pk_live_", "pk_test_", "sk_prod_", "sk_org_live_"),
        f"{_A}{{10,}}+",
    ),
    Rule("stripe-webhook-secret", ("whsec_",), "[A-Za-z0-9+/=]{16,}+"),
    Rule("square-token", ("sq0atp-", "sq0csp-", "sq0idp-", "sq0acp-", "sq0ids-"), f"{_W}{{20,}}+"),
    Rule("square-token", ("EAAA",), f"{_W}{{56,62}}{_END}", mixed=True),
    Rule(
        "braintree-token",
        ("access_token$production$", "access_token$sandbox$"),
        f"{_A}{{12,20}}\\${_H}{{32}}",
    ),
    Rule("plaid-token", ("access-sandbox-", "access-development-", "access-production-"), _UUID),
    Rule(
        "adyen-key",
        ("AQE",),
        "[A-Za-z0-9+/=]{60,240}+(?![A-Za-z0-9+/])(?:-[A-Za-z0-9+/=]{20,}+)?(?:-[^\\s\"'`]{8,40})?",
        mixed=True,
    ),
    Rule("shopify-token", ("shpat_", "shpca_", "shppa_", "shpss_", "shptka_"), "[0-9A-Fa-f]{30,}+"),
    Rule("razorpay-key", ("rzp_live_", "rzp_test_"), f"{_A}{{12,}}+"),
    Rule(
        "flutterwave-key", ("FLWSECK-", "FLWSECK_TEST-", "FLWPUBK-", "FLWPUBK_TEST-"), f"{_A}{{12,}}+(?:-X)?"
    ),
    Rule("lob-key", ("live_pub_", "test_pub_"), f"{_H}{{28,}}+{_END}"),
    Rule("lob-key", ("live_", "test_"), f"{_H}{{35}}{_END}"),
    Rule("mollie-key", ("live_", "test_"), f"{_A}{{30}}{_END}", mixed=True),
    Rule("gocardless-token", ("live_", "sandbox_"), f"{_W}{{40}}{_END}", mixed=True),
    Rule("shippo-token", ("shippo_live_", "shippo_test_"), "[0-9a-fA-F]{32,}+"),
    Rule("easypost-key", ("EZAK", "EZTK"), f"{_A}{{40,}}+"),
    Rule("duffel-token", ("duffel_test_", "duffel_live_"), "[A-Za-z0-9_=-]{30,}+"),
    Rule("mercadopago-token", ("APP_USR-",), "[0-9a-f-]{30,}+"),
    Rule("xendit-key", ("xnd_production_", "xnd_development_", "xnd_public_"), f"{_A}{{30,}}+"),
    Rule("paddle-key", ("pdl_live_apikey_", "pdl_sdbx_apikey_"), "[A-Za-z0-9_]{30,}+"),
    Rule("polar-token", ("polar_oat_", "polar_pat_", "polar_whs_"), f"{_A}{{24,}}+"),
    Rule("stytch-secret", ("secret-live-", "secret-test-"), "[A-Za-z0-9_=-]{24,}+", mixed=True),
    Rule("calcom-key", ("cal_live_", "cal_test_"), f"{_A}{{24,}}+"),
)

_OFFICE: Final = (
    Rule("notion-token", ("ntn_", "secret_"), f"{_A}{{40,}}+"),
    Rule("linear-key", ("lin_api_", "lin_oauth_", "lin_wh_"), f"{_A}{{30,}}+"),
    Rule("airtable-token", ("pat",), f"{_A}{{14}}\\.{_H}{{40,}}+"),
    Rule("figma-token", ("figd_", "figo_", "figu_", "figor_"), f"{_W}{{28,}}+"),
    Rule("dropbox-token", ("sl.",), f"(?:u\\.)?{_W}{{60,}}+"),
    Rule("hubspot-token", ("pat-na", "pat-eu", "pat-ap"), "\\d-[0-9a-fA-F-]{32,}+"),
    Rule("clickup-token", ("pk_",), "\\d{5,12}_[A-Z0-9]{26,}+"),
    Rule("typeform-token", ("tfp_",), f"{_W}{{30,}}+(?:\\.{_W}++){{0,3}}"),
    Rule("contentful-token", ("CFPAT-",), f"{_W}{{30,}}+"),
    Rule("mapbox-token", ("sk.eyJ", "pk.eyJ", "tk.eyJ"), f"{_W}{{20,}}+\\.{_W}{{16,}}+"),
)

_MONITORING: Final = (
    Rule("newrelic-key", ("NRAK-", "NRII-", "NRJS-", "NRRA-", "NRSP-", "NRIQ-", "NRBR-"), f"{_W}{{18,}}+"),
    Rule("grafana-token", ("glsa_",), "[A-Za-z0-9_]{32,}+"),
    Rule("grafana-token", ("glc_",), "[A-Za-z0-9+/=]{32,}+"),
    Rule("grafana-token", ("eyJrIjoi",), f"(?<![A-Za-z0-9+/=]eyJrIjoi)[A-Za-z0-9+/=]{{60,}}+(?!\\.{_W})"),
    Rule("sentry-token", ("sntrys_", "sntryu_", "sntryi_"), "[A-Za-z0-9+/=_-]{30,}+"),
    Rule("honeycomb-key", ("hca", "hcx"), f"[a-z]{{2}}_{_A}{{40,}}+"),
    Rule("dynatrace-token", ("dt0",), "[a-z]\\d{2}\\.[A-Z0-9]{8,24}\\.[A-Z0-9]{40,}+"),
    Rule("posthog-key", ("phc_", "phx_", "phs_"), f"{_A}{{30,}}+"),
    Rule("uptimerobot-key", ("ur",), f"\\d{{5,8}}-{_H}{{24}}{_END}"),
)

_WALLETS: Final = (
    Rule("crypto-private-key", ("xprv", "yprv", "zprv", "tprv"), "[1-9A-HJ-NP-Za-km-z]{100,}+"),
    Rule("crypto-private-key", ("nsec1",), "[02-9ac-hj-np-z]{50,}+"),
)

_SIGNED: Final = (
    # Only the beginning of a run is tried: the prefix may repeat in it.
    Rule(
        "jwt",
        ("eyJ",),
        f"(?:(?<![\\w-]eyJ)|(?<=\\\\[nrt]eyJ)|(?<=[0-9]meyJ)|(?<=%[0-9A-F][0-9A-F]eyJ)){_W}{{8,}}+\\.{{1,2}}{_W}{{8,}}+(?:\\.{_W}++){{0,3}}",
    ),
)
"""JSON web tokens, signed or encrypted."""

BUSINESS: Final = (*_MESSAGES, *_PAYMENTS, *_OFFICE, *_MONITORING, *_WALLETS, *_SIGNED)
