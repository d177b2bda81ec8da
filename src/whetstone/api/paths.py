"""Ids in paths: URL-decoded once, and made of any characters, slashes and line feeds included."""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor


class _IdConvertor(Convertor[str]):
    regex = "(?s:.+)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("whetstone_id", _IdConvertor())

# The part of a route's path that takes an id. Routes with something behind it must come before those that end in it.
ID = "{id:whetstone_id}"
