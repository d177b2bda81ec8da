"""Agent-shaped documents in which people speak: chats, mails, transcripts, notes, bookings."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random

from benchmarks.privacy import credentials, identifiers, wallets
from benchmarks.privacy.fakes import Fakes, Person
from benchmarks.privacy.labelled import mark

_COMPANIES = (
    "Northwind Traders",
    "Acme Logistics",
    "Blue Harbor Clinic",
    "Kranz & Söhne GmbH",
    "Lumen Health",
    "Vela Airlines",
)
_THINGS = (
    "standing desk",
    "espresso machine",
    "router",
    "winter tires",
    "noise cancelling headphones",
    "air filter",
)
_AIRPORTS = ("JFK", "LHR", "MUC", "IST", "BLR", "CDG", "WAW")


class Cast:
    """Somebody with marks on everything that is theirs."""

    def __init__(self, fakes: Fakes) -> None:
        self.person: Person = fakes.person()
        self.random: Random = fakes.random
        self.fakes = fakes

    def casual(self, kind: str, value: str) -> str:
        """As somebody in a hurry types it: often in lower case."""
        return mark(kind, value.lower() if self.random.random() < 0.5 else value)

    @property
    def name(self) -> str:
        """The full name."""
        return mark("person", self.person.name)

    @property
    def first(self) -> str:
        """The given name."""
        return mark("person", self.person.first)

    @property
    def last(self) -> str:
        """The surname."""
        return mark("person", self.person.last)

    @property
    def email(self) -> str:
        """The e-mail address."""
        return mark("email", self.person.email)

    @property
    def phone(self) -> str:
        """The phone number."""
        return mark("phone", self.person.phone)

    @property
    def street(self) -> str:
        """Street and house number."""
        return mark("address", self.person.street)

    @property
    def city(self) -> str:
        """The town."""
        return mark("city", self.person.city)

    @property
    def postcode(self) -> str:
        """The postal code."""
        return mark("postcode", self.person.postcode)

    @property
    def birthday(self) -> str:
        """The date of birth."""
        return mark("date-of-birth", self.person.birthday)

    @property
    def handle(self) -> str:
        """The handle, with its @."""
        return mark("handle", "@" + self.person.handle)


def chat(fakes: Fakes) -> str:
    """A few turns with an assistant, typed in a hurry."""
    random, one = fakes.random, Cast(fakes)
    p = one.person
    name, city = one.casual("person", p.name), one.casual("city", p.city)
    national, number = identifiers.national_id(fakes)
    opening = random.choice(
        (f"hey its {name} here, cant log in anymore", f"hi, my name is {name} and i need to change my adress",
         f"hallo ich bin {name} aus {city}, mein paket ist nicht da", f"bonjour, je m'appelle {name}, ma commande {random.randrange(10**6)} est perdue",
         f"hola soy {name}, no me llega el codigo al {one.phone}", f"yo can u cancel my sub?? its under {one.casual('email', p.email)}",
         f"i moved to {one.casual('address', p.street)}, {city} last week pls update", f"this is {name}. dob {one.birthday}. whats the status of my claim",
         f"merhaba ben {name}, iade istiyorum", f"ciao sono {name}, il mio {national} è {mark('national-id', number)}",
         f"ok so my wife {mark('person', fakes.person(p.locale).first)} already called about this", f"send it to {name}, {one.street}, {one.postcode} {city}")
    )  # fmt: skip
    reply = random.choice(
        ("Sure! Could you confirm the number on file?", f"Thanks {one.first}, one moment please.", f"I see an order of a {random.choice(_THINGS)}, is that the one?",
         f"Of course, {random.choice(('Mr.', 'Ms.', 'Dr.'))} {one.last}. What is your e-mail address?")
    )  # fmt: skip
    closing = random.choice(
        (f"its {one.phone}", f"{one.email} or call {one.phone}", f"card is {mark('card', identifiers.card(random))} exp {mark('date', '04/28')}", f"refund to {mark('iban', identifiers.iban(random))} thx",
         f"sure, {one.casual('person', p.first)} at extension 12", f"ssn {mark('ssn', identifiers.ssn(random))}", f"ping me on tg {one.handle}",
         f"pw is {mark('password', credentials.password(random))} can you just look", f"im at {identifiers.geo(random)} rn", "no thats all, thank you!!")
    )  # fmt: skip
    styles = (
        ("User: ", "Assistant: "),
        ("user: ", "assistant: "),
        ("Human: ", "AI: "),
        ("", "> "),
        ("Customer [10:02]: ", "Agent [10:03]: "),
    )
    who, bot = random.choice(styles)
    return f"{who}{opening}\n{bot}{reply}\n{who}{closing}"


def mail(fakes: Fakes) -> str:
    """A support mail with headers and a signature."""
    random, one = fakes.random, Cast(fakes)
    other = Cast(fakes)
    plate = (
        random.choice(("B-", "M-", "HH-"))
        + credentials.fill(random, "{2:A}").upper()
        + " "
        + identifiers.digits(random, 4)
    )
    body = random.choice(
        (f"my {random.choice(_THINGS)} arrived broken. Please send a new one to {one.street}, {one.postcode} {one.city}.",
         f"please change the account holder from {one.name} to {other.name} ({other.email}).",
         f"I was double charged on card {mark('card', identifiers.card(random))}. The invoice was addressed to {one.name}.",
         f"kindly update my bank details: {mark('iban', identifiers.iban(random))}, account holder {one.name}.",
         f"our driver {other.name} (licence plate {mark('vehicle', plate)}) will arrive at 9. His phone: {other.phone}.",
         f"I cannot travel on Monday, {other.first} will take my seat. Passport {mark('passport', identifiers.passport(random))}, born {other.birthday}.")
    )  # fmt: skip
    signature = random.choice(
        (f"Best regards,\n{one.name}\n{mark('organization', random.choice(_COMPANIES))}\nT {one.phone}", f"Mit freundlichen Grüßen\n{one.name}\n{one.street}\n{one.postcode} {one.city}",
         f"Cheers,\n{one.first}", f"Cordialement,\n{one.name}\n{one.email}", f"-- \n{one.name} | {one.phone}", f"Sent from my iPhone\n{one.first}")
    )  # fmt: skip
    head = f"From: {one.name} <{one.email}>\nTo: {mark('service', 'support@example.com')}\nSubject: order {random.randrange(10**5, 10**6)}\n\n"
    return f"{head}{random.choice(('Hello', 'Dear Sir or Madam', f'Dear {other.name}', f'Hi {other.first}'))},\n\n{body}\n\n{signature}"


def transcript(fakes: Fakes) -> str:
    """A phone call, written down by a machine."""
    random, one, agent = fakes.random, Cast(fakes), Cast(fakes)
    spelled = " ".join(one.person.last.upper()) if random.random() < 0.3 else ""
    lines = [
        f"[00:00:03] AGENT: Thank you for calling {mark('organization', random.choice(_COMPANIES))}, this is {agent.first} speaking, who am I talking to?",
        f"[00:00:09] CALLER: {random.choice(('Hi, yes, my name is', 'This is', 'Good morning,'))} {one.name}.",
        f"[00:00:15] AGENT: {random.choice(('Thanks', 'Thank you'))}, {random.choice((f'Mr. {one.last}', f'Mrs. {one.last}', one.first))}. Can you give me your date of birth and postal code?",
        f"[00:00:22] CALLER: {one.birthday}, and it's {one.postcode}.",
    ]
    if spelled:
        lines.append(f"[00:00:30] CALLER: The surname is spelled {mark('person', spelled)}.")
    lines.append(
        random.choice(
            (
                f"[00:00:41] CALLER: You can call me back on {one.phone}.",
                f"[00:00:41] CALLER: I live at {one.street} in {one.city}.",
            )
        )
    )
    return "\n".join(lines)


def note(fakes: Fakes) -> str:
    """A note in a CRM, a patient's record or a personnel file."""
    random, one, other = fakes.random, Cast(fakes), Cast(fakes)
    record = "MRN " + mark("medical-record", identifiers.digits(random, 7))
    return random.choice(
        (f"{one.name} ({mark('organization', random.choice(_COMPANIES))}) called re: renewal. Decision maker is {other.name}. Follow up {one.phone} next Tue.",
         f"Pt {one.name}, DOB {one.birthday}, {record}. Presents with chest pain. Lives with daughter {other.first}. Insurance member ID {mark('account-number', credentials.fill(random, '{3:A}{8:d}'))}.",
         f"Candidate: {one.name}\nEmail: {one.email}\nPhone: {one.phone}\nCurrently: Senior Engineer\nReference: {other.name}, {other.email}",
         f"1:1 with {one.first}: wants to move to {one.city}, salary band unchanged. {other.first} to take over the on-call rota.",
         f"Lead: {one.name} / {one.city} / budget 40k / met at the fair / LinkedIn {one.handle}",
         f"Incident: {one.name} slipped at {one.street}, {one.city} on 3 May. Witness {other.name}, {other.phone}. Driver licence {mark('driver-license', credentials.fill(random, '{1:A}{7:d}').upper())}.",
         f"Tenant {one.name}, {one.street}, {one.postcode} {one.city}; rent paid from {mark('iban', identifiers.iban(random))}")
    )  # fmt: skip


def booking(fakes: Fakes) -> str:
    """A booking dialogue of a travel agent, as messages of a chat API."""
    random, one, other = fakes.random, Cast(fakes), Cast(fakes)
    user = random.choice(
        (f"Book {random.choice(_AIRPORTS)} to {random.choice(_AIRPORTS)} for {one.name} and {other.name}, my birthday is {one.birthday}",
         f"My user id is {mark('username', f'{one.person.handle}_{identifiers.digits(random, 4)}')}, please add {other.name} (born {other.birthday}) to my reservation",
         f"passenger {one.name}, passport {mark('passport', identifiers.passport(random))}, contact {one.phone}",
         f"the hotel should pick us up at {one.street}, {one.city}. ask for {other.first}")
    )  # fmt: skip
    messages = [
        {
            "role": "system",
            "content": "You are an airline agent. Never share private data. Today is 2026-05-15.",
        },
        {"role": "user", "content": user},
        {
            "role": "assistant",
            "content": f"Thank you, {one.first}! I will send the confirmation to {one.email}. Flight HAT{identifiers.digits(random, 3)}, $ {random.randrange(90, 900)}.",
        },
    ]
    return json.dumps(
        messages if random.random() < 0.7 else {"messages": messages},
        ensure_ascii=False,
        indent=random.choice((None, 2)),
    )


def social(fakes: Fakes) -> str:
    """A channel of a chat platform with handles and greetings."""
    random, one, other = fakes.random, Cast(fakes), Cast(fakes)
    return "\n".join(
        random.sample(
            [f"<{one.handle}> gm! anyone seen {other.handle}?", f"{other.handle} pls dm me your wallet, mine is {mark('crypto-address', wallets.crypto(random))}",
             f"thx {one.handle}, {other.first} told me already", f"welcome {one.casual('person', one.person.name)} to the server 🎉",
             f"my number {one.phone} if discord is down", f"meetup at {one.street}, {one.city}, bring snacks", f"{one.handle} invited you: join.example.gg/abc"],
            k=random.randrange(3, 6),
        )
    )  # fmt: skip


CONVERSATIONS: dict[str, Callable[[Fakes], str]] = {
    "chat": chat,
    "mail": mail,
    "transcript": transcript,
    "note": note,
    "booking": booking,
    "social": social,
}
