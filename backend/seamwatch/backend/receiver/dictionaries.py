"""Resources and scopes: decoded once, then found by their wire bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from google.protobuf.message import DecodeError

from seamwatch.backend.receiver.any_value import AttributeFragments
from seamwatch.backend.receiver.lazy_schema import LazyResource, LazyScope
from seamwatch.backend.receiver.wire import MalformedError, count_fields
from seamwatch.backend.storage import copy_format as copy
from seamwatch.backend.storage.row_kind import DictionaryRow

__all__ = ["DictionaryMemo", "ResourceEntry", "ScopeEntry"]

_UNKNOWN_SERVICE = "unknown_service"
_SERVICE_NAME_LENGTH = 200
_REMEMBERED = 4_096
_REMEMBERED_BYTES = (
    4_096  # a longer one is decoded again each time: the memo stays below some 40 MiB
)
_COUNT_BEYOND_BYTES = 16_384
_MAX_FIELDS = 10_000


@dataclass(frozen=True, slots=True)
class ResourceEntry:
    """A resource's row and what each of its spans carries: the service name, and as a COPY field."""

    row: DictionaryRow
    service_name: bytes
    service_field: bytes


@dataclass(frozen=True, slots=True)
class ScopeEntry:
    """A scope's row."""

    row: DictionaryRow


class DictionaryMemo:
    """Wire bytes of a Resource or InstrumentationScope (and its schema URL) -> its entry; safe from several threads."""

    def __init__(self, fragments: AttributeFragments) -> None:
        self._fragments = fragments
        self._resources: dict[tuple[bytes, bytes], ResourceEntry] = {}
        self._scopes: dict[tuple[bytes, bytes], ScopeEntry] = {}

    def resource(self, wire: bytes, schema_url: bytes) -> ResourceEntry:
        """The entry of a resource.

        Raises:
            MalformedError: It cannot be decoded, or a text in it is not UTF-8.
        """
        entry = self._resources.get((wire, schema_url))
        if entry is None:
            entry = self._read_resource(wire, schema_url)
            if len(wire) + len(schema_url) <= _REMEMBERED_BYTES:
                if len(self._resources) >= _REMEMBERED:
                    self._resources.clear()
                self._resources[(wire, schema_url)] = entry
        return entry

    def scope(self, wire: bytes, schema_url: bytes) -> ScopeEntry:
        """The entry of a scope.

        Raises:
            MalformedError: It cannot be decoded, or a text in it is not UTF-8.
        """
        entry = self._scopes.get((wire, schema_url))
        if entry is None:
            entry = self._read_scope(wire, schema_url)
            if len(wire) + len(schema_url) <= _REMEMBERED_BYTES:
                if len(self._scopes) >= _REMEMBERED:
                    self._scopes.clear()
                self._scopes[(wire, schema_url)] = entry
        return entry

    def _read_resource(self, wire: bytes, schema_url: bytes) -> ResourceEntry:
        _check_size(wire, "a resource")
        try:
            resource = LazyResource.FromString(wire)
            url = schema_url.decode().replace("\0", "\ufffd")
        except (DecodeError, UnicodeDecodeError) as error:
            raise MalformedError(f"a resource cannot be decoded: {error}") from error
        attributes, plain = self._attributes(resource.attributes)
        found = plain.get("service.name")
        service = str(found)[:_SERVICE_NAME_LENGTH] if found not in (None, "") else _UNKNOWN_SERVICE
        dropped = resource.dropped_attributes_count
        row = DictionaryRow(
            _digest(attributes, dropped, url), service, "", attributes, dropped, url or None
        )
        encoded = service.encode()
        return ResourceEntry(row, encoded, copy.bytea(encoded))

    def _read_scope(self, wire: bytes, schema_url: bytes) -> ScopeEntry:
        _check_size(wire, "a scope")
        try:
            scope = LazyScope.FromString(wire)
            url = schema_url.decode().replace("\0", "\ufffd")
            name, version = (
                text.decode().replace("\0", "\ufffd") for text in (scope.name, scope.version)
            )
        except (DecodeError, UnicodeDecodeError) as error:
            raise MalformedError(f"a scope cannot be decoded: {error}") from error
        attributes, _ = self._attributes(scope.attributes)
        dropped = scope.dropped_attributes_count
        row_id = _digest(attributes, dropped, url, name, version)
        return ScopeEntry(DictionaryRow(row_id, name, version, attributes, dropped, url or None))

    def _attributes(self, attributes: Sequence[bytes]) -> tuple[str, dict[str, object]]:
        """Canonical JSON text (sorted keys, the last of equal ones) and the parsed values."""
        self._fragments.spend(len(attributes))
        fragments = map(self._fragments.__getitem__, attributes)
        plain: dict[str, object] = orjson.loads(b"{" + b",".join(fragments) + b"}")
        return orjson.dumps(plain, option=orjson.OPT_SORT_KEYS).decode(), plain


def _check_size(wire: bytes, what: str) -> None:
    if len(wire) > _COUNT_BEYOND_BYTES and count_fields(wire, _MAX_FIELDS) > _MAX_FIELDS:
        raise MalformedError(f"{what} holds more than {_MAX_FIELDS} values")


def _digest(*parts: object) -> int:
    """Signed 64-bit digest of the parts' texts."""
    digest = hashlib.blake2b("\0".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
