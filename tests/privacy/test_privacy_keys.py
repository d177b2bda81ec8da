"""What keys say about their values: in every spelling, in several languages, alone and in company."""

from __future__ import annotations

import time
from typing import Any

import pytest

from whetstone.privacy.structure.keys import rule_for

# key, value, kind; the key says it alone.
_TELLING: tuple[tuple[str, str, str], ...] = (
    *((key, "Jane", "person") for key in ("firstName", "first_name", "FIRST-NAME", "user.given_name", "person[forename]")),
    *((key, "Müller", "person") for key in ("nachname", "Surname", "familyName", "apellidos", "nazwisko", "cognome")),
    *((key, "Jane Doe", "person") for key in ("sender", "customer_name", "contactName", "author", "assignee", "cardholder_name")),
    *((key, "jane.d42", "person") for key in ("username", "userName", "screen_name", "telegram_handle", "discordUsername")),
    ("prénom", "Zoë", "person"),
    ("姓名", "王伟", "person"),
    ("фамилия", "Иванова", "person"),
    ("telegram_id", "123456789", "person"),
    *((key, "jane at example", "email") for key in ("email", "userEmail", "EMAIL_2", "correo", "e-mail", "contact.email_address")),
    *((key, "0170 5550123", "phone") for key in ("phone2", "handy", "telefono", "mobileNo", "Téléphone", "contact_number", "电话")),
    *((key, "Elm Street 4", "address") for key in ("street", "address_line_1", "addressLine2", "strasse", "Straße", "addr", "rue")),
    *((key, "94043", "address") for key in ("zip", "zipCode", "postal_code", "plz", "code_postal", "cep")),
    ("postcode", "SW1A 1AA", "address"),
    ("postcode", "1011 AB", "address"),
    *((key, "1990-04-01", "date-of-birth") for key in ("dob", "birth_date", "dateOfBirth", "geburtsdatum", "fechaNacimiento")),
    ("birthday", "May 4", "date-of-birth"),
    *((key, "C01X00T47", "passport") for key in ("passport", "passportNumber", "passport_no")),
    *((key, "D1234567", "driver-license") for key in ("driver_license", "driversLicense", "license_number")),
    *((key, "12345678901", "national-id") for key in ("national_id", "taxId", "cpf", "pesel", "aadhaar", "steuerId", "vat_number")),
    *((key, "DE89370400440532013000", "iban") for key in ("iban", "customerIban")),
    *((key, "12345678", "account-number") for key in ("account_number", "routingNumber", "sort_code", "policy_number", "mrn", "imei")),
    ("swift_code", "DEUTDEFF", "account-number"),
    *((key, "4111111111111112", "card-number") for key in ("card_number", "ccNumber", "pan", "creditCard")),
    ("cvv", "123", "card-number"),
    *((key, "B-MW 1234", "vehicle") for key in ("license_plate", "kennzeichen", "plateNumber")),
    *((key, "203.0.113.7", "ip-address") for key in ("ip", "clientIp", "remote_addr", "X-Forwarded-For")),
    ("mac", "00:1b:44:11:3a:b7", "mac-address"),
    ("walletAddress", "0x52908400098527886E0F7030069857D2E4169EE7", "crypto-address"),
    ("latlng", "37.7,-122.4", "geo"),
    *((key, "swordfish", "password") for key in ("password", "DB_PASSWORD", "passwort", "smtp_pass", "contraseña", "passphrase")),
    *((key, "493021", "password") for key in ("pin", "otp", "mfa_code", "verificationCode")),
    *((key, "opaque-value", "secret") for key in ("client_secret", "consumerSecret", "webhook_secret", "CLIENT-SECRET")),
    *((key, "opaque-value", "token") for key in ("refresh_token", "idToken", "sessionToken", "token", "bot.token")),
    ("session_id", "a8f5f167f44f4964e6c998dee827110c", "token"),
    ("cookie", "sid=abcdef; theme=dark", "authorization"),
    *((key, "opaque-value", "api-key") for key in ("x-api-key", "apiKey", "subscriptionKey", "API_KEY")),
    ("connection_string", "Server=db;User=sa;Password=hunter2", "secret"),
    *((key, "abandon ability able", "private-key") for key in ("seed_phrase", "mnemonic")),
    ("private_key", "opaque", "private-key"),
    ("birthplace", "Reno", "location"),
    ("employer", "Umbrella Corp", "organization"),
    ("companyName", "Müller GmbH & Co. KG", "organization"),
)  # fmt: skip


@pytest.mark.parametrize(("key", "value", "kind"), _TELLING)
def test_key_tells_its_value(key: str, value: str, kind: str) -> None:
    rule = rule_for(key)
    assert rule is not None
    assert rule.kind == kind
    assert rule.accepts(value)


@pytest.mark.parametrize(
    "key",
    [
        *("file_name", "fileName", "hostname", "host_name", "model_name", "toolName", "function_name", "class_name"),
        *("event_name", "display_name", "name", "title", "key", "primary_key", "public_key", "cache_key", "tokens"),
        *("nextPageToken", "max_tokens", "eos_token", "csrf_token", "state", "status", "city", "location", "number"),
        *("email_verified", "phone_type", "address_type", "expires", "region", "tokenizer", "passed", "first_pass"),
        *("keyboard", "description", "id", "user_id", "user", "role", "salary", "serial", "contract", "line", "login"),
        *("<REDACTED:x>_email", "x" * 70 + "email", "", "2", "_"),
    ],
)  # fmt: skip
def test_false_friends_say_nothing(key: str) -> None:
    assert rule_for(key) is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *((key, "The user's value") for key in ("email", "firstName", "password", "dob", "passport")),
        *((key, "string") for key in ("email", "firstName", "password", "username", "city", "iban")),
        *((key, "${VALUE}") for key in ("email", "first_name", "api_key", "username")),
        *((key, "{{value}}") for key in ("email", "first_name", "api_key")),
        *((key, "true") for key in ("password", "email", "first_name", "phone")),
        *((key, "") for key in ("password", "email", "first_name", "dob", "address")),
        *((key, "admin") for key in ("username", "assignee", "author", "first_name")),
        ("author", "platform-team"),
        ("owner", "Platform Team"),
        ("recipient", "0x52908400098527886E0F7030069857D2E4169EE7"),
        ("address", "jane@example.com"),
        ("address", "0x7ffee4b2"),
        ("address", "10.0.0.1:8080"),
        ("address", "http://localhost:80"),
        ("full_name", "octocat/hello-world"),
        ("first_name", "First name"),
        ("zip", "archive.zip"),
        ("postcode", "required"),
        ("swift", "5.9"),
        ("vat", "19.00"),
        ("pan", "0.123456"),
        ("pin", "4"),
        ("token", "USDC"),
        ("token", "two words"),
        ("session_id", "550e8400-e29b-41d4-a716-446655440000"),
        ("ip", "127.0.0.1"),
        ("mac", "macOS 14"),
        ("connection_string", "Server=db;Database=shop"),
        ("cookie", "chocolate chip"),
        ("organization", "org-a1b2c3"),
    ],
)
def test_values_that_are_no_data_are_refused(key: str, value: str) -> None:
    rule = rule_for(key)
    assert rule is None or not rule.accepts(value)


@pytest.mark.parametrize(
    ("key", "parent", "siblings", "kind"),
    [
        ("name", "user", (), "person"),
        ("name", "passengers", ("seat",), "person"),
        ("name", None, ("name", "email"), "person"),
        ("name", None, ("name", "email", "version"), "person"),
        ("name", None, ("name", "date_of_birth"), "person"),
        ("name", None, ("name", "phone"), "person"),
        ("displayName", "author", (), "person"),
        ("nombre", None, ("nombre", "apellidos"), "person"),
        ("name", None, ("name", "description", "parameters"), None),
        ("name", None, ("name", "assignee", "status"), None),
        ("name", None, ("name", "phone", "rating"), None),
        ("name", None, ("name", "version", "author"), None),
        ("name", "function", ("name", "arguments"), None),
        ("city", "address", (), "location"),
        ("city", None, ("city", "street"), "location"),
        ("city", None, ("city", "zip"), "location"),
        ("city", "customer", (), "location"),
        ("billingCity", None, (), "location"),
        ("city", None, ("city", "units", "days"), None),
        ("state", None, ("state", "zip_code"), "location"),
        ("state", "user", ("email",), None),
        ("location", "profile", (), "location"),
        ("location", None, ("location", "unit", "forecast"), None),
        ("first", "name", ("first", "last"), "person"),
        ("given", "patient.name", (), "person"),
        ("last", None, ("first", "last"), None),
        ("line1", "address", (), "address"),
        ("line", None, ("file", "line"), None),
        ("exp_month", "card", (), "card-number"),
        ("expiry", None, ("expiry", "cvv"), "card-number"),
        ("expiry", None, ("product", "expiry"), None),
        ("number", "credit_card", (), "card-number"),
        ("login", None, ("login", "avatar_url"), "person"),
        ("pass", None, ("user", "pass", "host"), "password"),
        ("pass", None, ("pass", "fail"), None),
        ("token", None, ("token", "logprob"), None),
        ("company", None, ("company", "ticker", "price"), None),
    ],
)  # fmt: skip
def test_company_decides_about_words_of_many_meanings(
    key: str, parent: str | None, siblings: tuple[str, ...], kind: str | None
) -> None:
    rule = rule_for(key, parent, siblings)
    assert (rule.kind if rule else None) == kind


def test_only_names_are_looked_for_elsewhere() -> None:
    def names(key: str, **company: Any) -> bool:
        rule = rule_for(key, **company)
        assert rule is not None
        return rule.names

    assert names("first_name")
    assert names("employer")
    assert names("city", parent="address")
    # `active` is a state and `dev` a login: they would be blanked in every sentence.
    assert not names("state", parent="address")
    assert not names("username")
    assert not names("password")


def test_a_state_is_a_place_in_capitals_only() -> None:
    rule = rule_for("state", "address")
    assert rule is not None
    assert rule.accepts("CA")
    assert rule.accepts("New York")
    assert not rule.accepts("active")


def test_many_members_cost_no_more_than_few() -> None:
    siblings = [f"member{number}" for number in range(100_000)]
    started = time.process_time()
    for number in range(2000):
        rule_for(f"name{number}", None, siblings)
    assert time.process_time() - started < 3.0
