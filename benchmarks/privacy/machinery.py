"""Agent-shaped documents in which machines speak: tool calls, logs, configuration, tables, code."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus

from benchmarks.privacy import credentials, identifiers
from benchmarks.privacy.conversations import Cast
from benchmarks.privacy.fakes import Fakes, ascii_letters
from benchmarks.privacy.labelled import mark


def _dump(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _record(fakes: Fakes) -> dict[str, Any]:
    random, one = fakes.random, Cast(fakes)
    lat, lng = identifiers.numeric_pair(random)
    national = mark("national-id", identifiers.national_id(fakes)[1])
    fields: list[dict[str, Any]] = [
        {"firstName": one.first, "lastName": one.last},
        {"name": one.name, "role": "owner"},
        {"full_name": one.name, "age": 44},
        {"email": one.email},
        {"phone": one.phone, "phoneVerified": True},
        {"address": {"street": one.street, "city": one.city, "zip": one.postcode, "country": mark("country", "DE")}},
        {"shippingAddress": f"{one.street}, {one.postcode} {one.city}"},
        {"dateOfBirth": one.birthday},
        {"location": {"lat": lat, "lng": lng}},
        {"lastLoginIp": mark("ip-address", identifiers.ip4(random)), "loginCount": random.randrange(90)},
        {"payment": {"type": "card", "number": mark("card", identifiers.card(random)), "currency": "EUR"}},
        {"iban": mark("iban", identifiers.iban(random))},
        {"nationalId": national},
        {"ssn": mark("ssn", identifiers.ssn(random))},
        {"username": mark("username", ascii_letters(one.person.name).lower() + identifiers.digits(random, 2))},
        {"password": mark("password", credentials.password(random))},
        {"apiKey": mark("api-key", credentials.any_credential(random))},
        {"device": {"mac": mark("mac-address", identifiers.mac(random)), "imei": mark("device-id", identifiers.imei(random)), "os": "Android 15"}},
        {"emergency_contact": f"{one.name} ({one.phone})"},
        {"accountNumber": mark("account-number", identifiers.digits(random, 10))},
    ]  # fmt: skip
    record: dict[str, Any] = {
        "id": credentials.fill(random, "{24:x}"),
        "createdAt": "2026-04-02T11:22:33.120Z",
        "active": True,
    }
    for chosen in random.sample(fields, k=random.randrange(2, 7)):
        record.update(chosen)
    return record


def tool_result(fakes: Fakes) -> str:
    """An object or a list that a tool returned; sometimes JSON in a string of it."""
    random = fakes.random
    records = [_record(fakes) for _ in range(random.randrange(1, 4))]
    value: Any = random.choice(
        (records[0], records, {"status": "ok", "data": {"items": records, "total": len(records)}})
    )
    if random.random() < 0.3:
        value = {
            "role": "tool",
            "tool_call_id": credentials.fill(random, "call_{24:w}"),
            "content": _dump(value),
        }
    return _dump(value, random.choice((None, None, 2)))


def tool_call(fakes: Fakes) -> str:
    """A call of a function with arguments as a string of JSON."""
    random, one = fakes.random, Cast(fakes)
    name, arguments = random.choice(
        (("send_email", {"to": one.email, "subject": "Your order", "body": f"Hi {one.first}, your parcel is on its way to {one.street}, {one.city}."}),
         ("find_user_id_by_name_zip", {"first_name": one.first, "last_name": one.last, "zip": one.postcode}),
         ("create_contact", {"contact": {"givenName": one.first, "familyName": one.last, "mobile": one.phone, "city": one.city}}),
         ("search", {"query": random.choice((f"{one.name} {one.city} phone", f"emails from {one.name}", f"who is {one.name}"))}),
         ("get_weather", {"latitude": identifiers.numeric_pair(random)[0], "longitude": identifiers.numeric_pair(random)[1], "units": "metric"}),
         ("run_sql", {"sql": f"SELECT * FROM users WHERE email = '{one.email}' OR last_name = '{one.last}' LIMIT 10"}),  # noqa: S608
         ("http_request", {"url": f"https://api.example.com/users?email={mark('email', quote_plus(one.person.email))}&limit=5", "headers": {"Authorization": f"Bearer {mark('bearer-token', credentials.any_credential(random))}"}}),
         ("book_table", {"restaurant": "Da Mario", "guests": 4, "name": one.last, "phone": one.phone}))
    )  # fmt: skip
    call = {
        "id": credentials.fill(random, "call_{24:w}"),
        "type": "function",
        "function": {"name": name, "arguments": _dump(arguments)},
    }
    return _dump(random.choice(({"tool_calls": [call]}, call, [call], {"name": name, "input": arguments})))


def access_log(fakes: Fakes) -> str:
    """Lines of a web server's or an application's log."""
    random = fakes.random
    lines = []
    for _ in range(random.randrange(2, 6)):
        one, ip = (
            Cast(fakes),
            mark("ip-address", identifiers.ip4(random) if random.random() < 0.8 else identifiers.ip6(random)),
        )
        lines.append(random.choice(
            (f'{ip} - - [12/Jun/2026:10:{random.randrange(10, 60)}:02 +0000] "GET /api/v2/items?page=3 HTTP/1.1" 200 5123 "-" "Mozilla/5.0 (X11; Linux x86_64; rv:128.0)"',
             f"2026-06-12 10:01:02,123 INFO auth.service: user {one.email} logged in from {ip} session={mark('cookie', credentials.fill(random, '{32:x}'))}",
             f"level=warn ts=1781258462 msg=\"password reset\" user=\"{one.name}\" phone={mark('phone', fakes.phone('US', 'e164'))}",
             f"sshd[2211]: Failed password for {mark('username', one.person.handle)} from {ip} port 52113 ssh2",
             f"[notice] customer {one.name} <{one.email}> checked out, cart 99.90 EUR", f"dhcpd: DHCPACK on {mark('service', '10.0.0.23')} to {mark('mac-address', identifiers.mac(random))} via eth0",
             f"DEBUG webhook payload={_dump({'name': one.name, 'tel': one.phone})} status=202")
        ))  # fmt: skip
    return "\n".join(lines)


def stack_trace(fakes: Fakes) -> str:
    """A failure of a program whose message or path holds somebody's data."""
    random, one = fakes.random, Cast(fakes)
    user = mark("username", ascii_letters(one.person.first).lower() or "root")
    message = random.choice(
        (f"ValidationError: 'phone' {one.phone} is not valid for {one.name}", f"smtplib.SMTPRecipientsRefused: {{'{one.email}': (550, b'no such user')}}",
         f'psycopg.errors.UniqueViolation: duplicate key value violates unique constraint "users_email_key"\nDETAIL:  Key (email)=({one.email}) already exists.',
         f"OperationalError: could not connect to {credentials.url_with_password(random)}", f"KeyError: '{one.name}'", f"PermissionError: token {mark('api-key', credentials.any_credential(random))} has no scope")
    )  # fmt: skip
    return (
        f'Traceback (most recent call last):\n  File "/home/{user}/projects/crm/app/main.py", line {random.randrange(10, 400)}, in handle\n'
        f'    response = self.client.post(url, json=payload)\n  File "/usr/lib/python3.11/site-packages/httpx/_client.py", line 1157, in post\n{message}'
    )


def configuration(fakes: Fakes) -> str:
    """An env file, YAML, TOML or a compose file."""
    random, one = fakes.random, Cast(fakes)

    def secret(shape: str = "{32:w}") -> str:
        return mark("env-secret", credentials.fill(random, shape))

    return random.choice(
        (f"# production\nAPP_ENV=production\nPORT=8080\nSECRET_KEY={secret('{50:u}')}\nDATABASE_URL={credentials.url_with_password(random)}\nADMIN_EMAIL={one.email}\nDEBUG=false",
         f"services:\n  web:\n    image: ghcr.io/acme/web:1.4.2\n    environment:\n      - STRIPE_KEY={mark('api-key', credentials.fill(random, 'sk_' + 'live_{24:w}'))}\n      - REDIS_PASSWORD={secret('{20:w}')}\n    ports: ['8080:8080']",
         f"owner:\n  name: {one.name}\n  email: {one.email}\n  phone: \"{one.phone}\"\nreplicas: 3\nmemory: 512Mi",
         f"[database]\nhost = \"db.internal\"\nuser = \"app\"\npassword = \"{secret('{18:w}')}\"\n\n[smtp]\nfrom = \"{one.email}\"",
         f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: payments\nstringData:\n  api-token: {secret('{40:w}')}\n  webhook: {credentials.marked(random, credentials.MARKED['slack webhook'][0])}",
         f"Host bastion\n  HostName {mark('ip-address', identifiers.ip4(random))}\n  User {mark('username', one.person.handle)}\n  IdentityFile ~/.ssh/id_ed25519",
         f"spring.datasource.username=crm\nspring.datasource.password={secret('{16:w}')}\nserver.port=8443\njwt.secret={secret('{44:w}')}", credentials.pem(random))
    )  # fmt: skip


def shell(fakes: Fakes) -> str:
    """Commands with credentials and personal data in their arguments."""
    random, one = fakes.random, Cast(fakes)
    key = mark("api-key", credentials.any_credential(random))
    form = "&".join(
        (
            "name=" + mark("person", quote_plus(one.person.name)),
            "email=" + mark("email", quote_plus(one.person.email)),
            "plan=pro",
        )
    )
    return random.choice(
        (f"curl -s https://api.example.com/v1/users -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' -d '{_dump({'name': one.name, 'email': one.email})}'",
         f"$ export API_TOKEN={key}\n$ python sync.py --since 2026-01-01 --dry-run", f"curl -u {mark('username', one.person.handle)}:{mark('password', credentials.password(random))} https://ci.example.com/job/42",
         f"psql {credentials.url_with_password(random)} -c 'select 1'", f"curl -X POST https://forms.example.com/signup -d '{form}'",
         f"git clone https://oauth2:{mark('api-key', credentials.fill(random, 'glpat-' + '{20:u}'))}@gitlab.example.com/team/repo.git", f"scp dump.sql {mark('username', one.person.handle)}@{mark('ip-address', identifiers.ip4(random))}:/tmp",
         f"http POST :8000/login username={one.email} password={mark('password', credentials.password(random))}", credentials.basic(random))
    )  # fmt: skip


def table(fakes: Fakes) -> str:
    """Rows as SQL output, CSV, TSV or Markdown."""
    random = fakes.random
    people = [Cast(fakes) for _ in range(random.randrange(2, 6))]
    columns = random.sample(("name", "email", "phone", "city", "date_of_birth", "amount", "status"), k=4)
    if "name" not in columns:
        columns[0] = "name"

    def cell(one: Cast, column: str) -> str:
        return {
            "name": one.name,
            "email": one.email,
            "phone": one.phone,
            "city": one.city,
            "date_of_birth": one.birthday,
        }.get(column, str(random.randrange(10, 999)) if column == "amount" else "active")

    rows = [[str(100 + at), *(cell(one, column) for column in columns)] for at, one in enumerate(people)]
    header = ["id", *columns]
    style = random.choice(("markdown", "csv", "tsv", "psql", "insert"))
    if style == "markdown":
        return "\n".join(
            [
                "| " + " | ".join(header) + " |",
                "|" + "---|" * len(header),
                *("| " + " | ".join(row) + " |" for row in rows),
            ]
        )
    if style == "psql":
        return "\n".join(
            [
                " | ".join(header),
                "-+-".join("-" * 8 for _ in header),
                *(" | ".join(row) for row in rows),
                f"({len(rows)} rows)",
            ]
        )
    if style == "insert":
        values = [
            ", ".join([row[0], *("'" + value.replace("'", "''") + "'" for value in row[1:])]) for row in rows
        ]
        return "\n".join(f"INSERT INTO customers ({', '.join(header)}) VALUES ({line});" for line in values)  # noqa: S608
    separator = "," if style == "csv" else "\t"
    return "\n".join(
        separator.join(f'"{value}"' if separator in value else value for value in row)
        for row in [header, *rows]
    )


def repository(fakes: Fakes) -> str:
    """Commits, reviews and code with fixtures."""
    random, one = fakes.random, Cast(fakes)
    sha = credentials.fill(random, "{40:x}")
    return random.choice(
        (f"commit {sha}\nAuthor: {one.name} <{one.email}>\nDate:   Fri Jun 12 10:01:02 2026 +0200\n\n    fix: retry on 429 (#{random.randrange(9999)})\n\n    Co-authored-by: {Cast(fakes).name} <{Cast(fakes).email}>",
         f"def test_signup(client):\n    payload = {{\"name\": \"{one.name}\", \"email\": \"{one.email}\", \"zip\": \"{one.postcode}\"}}\n    response = client.post(\"/signup\", json=payload)\n    assert response.status_code == 201",
         f"const users = [\n  {{ id: 1, name: '{one.name}', phone: '{one.phone}' }},\n  {{ id: 2, name: '{Cast(fakes).name}', phone: null }},\n];",
         f"# TODO({mark('username', one.person.handle)}): ask {one.first} about the rate limit\nclient = OpenAI(api_key=\"{mark('api-key', credentials.any_credential(random))}\")",
         f"user = User(first_name=\"{one.first}\", last_name=\"{one.last}\", birth_date=\"{one.birthday}\", card=\"{mark('card', identifiers.card(random))}\")\nsession.add(user)",
         f"Reviewed-by: {one.name} <{one.email}>\nSigned-off-by: {Cast(fakes).name} <{Cast(fakes).email}>\n\n+ allow_list = [\"{mark('ip-address', identifiers.ip4(random))}\"]")
    )  # fmt: skip


def provider(fakes: Fakes) -> str:
    """What a provider put into an agent's context, as lines of keys and values or as markup."""
    random, one, other = fakes.random, Cast(fakes), Cast(fakes)
    return random.choice(
        (f"# People in the room\n- {one.name} (aliases: {one.handle})\n- {other.name}\nOwner: {one.name}\nTimezone: Europe/Berlin",
         f"## Calendar\n10:00 dentist ({one.street}, {one.city})\n13:00 lunch with {other.name}\n15:30 call {one.first}, {one.phone}",
         f"Facts about {one.name}:\n- lives in {one.city}\n- birthday {one.birthday}\n- partner is called {other.first}\n- likes espresso",
         f"<user><name>{one.name}</name><email>{one.email}</email><plan>pro</plan><geo lat=\"{mark('geo', '52.52001')}\" lon=\"{mark('geo', '13.40495')}\"/></user>",
         f"BEGIN:VCARD\nVERSION:3.0\nFN:{one.name}\nN:{one.last};{one.first};;;\nTEL;TYPE=CELL:{one.phone}\nEMAIL:{one.email}\nADR:;;{one.street};{one.city};;{one.postcode};\nEND:VCARD",
         f"[memory] {one.first} said: my passport is {mark('passport', identifiers.passport(random))} and my flight is on 2026-07-01")
    )  # fmt: skip


MACHINERY: dict[str, Callable[[Fakes], str]] = {
    "tool result": tool_result,
    "tool call": tool_call,
    "log": access_log,
    "stack trace": stack_trace,
    "configuration": configuration,
    "shell": shell,
    "table": table,
    "repository": repository,
    "provider": provider,
}
