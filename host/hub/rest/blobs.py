"""The hub's own store of blobs over HTTPS, as far as an upload needs it.

Storage services REST API: Put Blob (block blobs), Put Block, Put Block List, Get Blob, Get Blob Properties,
with the shared access signature that the hub gave; statuses, headers and error codes are those of its reference.
"""

import asyncio
import base64
import binascii
import logging
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from ..blobs import Arriving, BlobStore, Kept, StoreRefused
from ..core import Uploads
from ..core.times import iso
from ..core.uploads.names import CONTAINER
from ..core.uploads.signatures import READ, VERSION, WRITE, SignatureRefused
from ..doors.secure import known
from .service import Rest

log = logging.getLogger("twinkle.hub")

READ_BYTES = 1 << 18
SILENCE_S = 60.0  # of a client that owes bytes
MAX_ARRIVING = 64  # bodies at a time
MAX_LIST = 8 << 20  # bytes of a block list
MAX_BLOCK_ID = 64  # bytes before base64
META = "x-ms-meta-"
MAX_META = 8192  # characters, names and values

_PATH = f"/{CONTAINER}/"
_BLOCKS = re.compile(r"<(Latest|Uncommitted|Committed)>\s*([A-Za-z0-9+/=]*)\s*</\1>")
# No parser of XML, and none of its entities: a list is this and nothing else.
_LIST = re.compile(r"\s*(?:<\?xml[^<>]*\?>)?\s*<BlockList(?:\s*/>|>\s*</BlockList>)\s*")
_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{0,18})")


class BlobRest:
    """Serves a store below its container's name."""

    def __init__(self, uploads: Uploads, store: BlobStore, rest: Rest):
        self._uploads = uploads
        self._store = store
        self._arriving = 0
        rest.add_below(_PATH, self._serve)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._answer(request)
        except SignatureRefused as refused:
            return _refusal(request, StoreRefused(403, refused.code, refused.message))
        except StoreRefused as refused:
            return _refusal(request, refused)
        except ConnectionError:
            raise  # the client is gone, which is no failure of the disk
        except OSError as error:
            log.warning("the store of uploaded files failed: %s", error)
            return _refusal(
                request, StoreRefused(500, "InternalError", "The store failed; see the hub's log.")
            )

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        name = unquote(request.rel_url.raw_path.removeprefix(_PATH), errors="surrogateescape")
        fields = {field.lower(): value for field, value in request.query.items()}
        reads = request.method in ("GET", "HEAD")
        self._uploads.check(name, fields, READ if reads else WRITE)
        known(request.transport)
        operation = (request.method, fields.get("comp", ""), fields.get("restype", ""))
        if operation == ("PUT", "", ""):
            return await self._put_blob(request, name)
        if operation == ("PUT", "block", ""):
            return await self._put_block(request, name, fields.get("blockid", ""))
        if operation == ("PUT", "blocklist", ""):
            return await self._put_block_list(request, name)
        if reads and operation[1:] == ("", ""):
            return await self._get(request, name)
        raise StoreRefused(
            501, "NotImplemented", "This store has no such operation; it takes and gives block blobs."
        )

    # --- what is put

    async def _put_blob(self, request: web.Request, name: str) -> web.Response:
        kind = request.headers.get("x-ms-blob-type")
        if kind is None:
            raise StoreRefused(
                400, "MissingRequiredHeader", "A blob needs the header x-ms-blob-type: BlockBlob."
            )
        if kind != "BlockBlob" or "x-ms-copy-source" in request.headers:
            raise StoreRefused(
                501, "NotImplemented", "This store has block blobs only, of the request's body."
            )
        about = _about(request.headers, request.headers.get("Content-Type"))
        self._check_conditions(request, name)
        arriving = await self._take(request)
        try:
            self._check_conditions(request, name)
            kept = await asyncio.to_thread(self._store.commit, arriving, name, about)
        finally:
            arriving.abort()
        return web.Response(status=201, headers=_headers(request, kept) | _md5(arriving))

    async def _put_block(self, request: web.Request, name: str, block: str) -> web.Response:
        try:
            size = len(base64.b64decode(block, validate=True))
        except (binascii.Error, ValueError):
            size = 0
        if not 1 <= size <= MAX_BLOCK_ID:
            raise StoreRefused(400, "InvalidQueryParameterValue", "blockid is base64 of 1 to 64 bytes.")
        arriving = await self._take(request)
        try:
            await asyncio.to_thread(self._store.put_block, arriving, name, block)
        finally:
            arriving.abort()
        return web.Response(status=201, headers=_headers(request) | _md5(arriving))

    async def _put_block_list(self, request: web.Request, name: str) -> web.Response:
        body = bytearray()
        async for data in self._chunks(request):
            body += data
            if len(body) > MAX_LIST:
                raise StoreRefused(
                    413, "RequestBodyTooLarge", f"A block list has {MAX_LIST} bytes at the most."
                )
        text = body.decode("utf-8-sig", "replace")
        blocks = _BLOCKS.findall(text)
        if not _LIST.fullmatch(_BLOCKS.sub("", text)):
            raise StoreRefused(400, "InvalidXmlDocument", "The body is no BlockList.")
        if any(where == "Committed" for where, _ in blocks):
            raise StoreRefused(
                400, "InvalidBlockList", "This store keeps no blocks of what is committed; put them again."
            )
        about = _about(request.headers)
        self._check_conditions(request, name)
        kept = await asyncio.to_thread(self._store.commit_blocks, name, [block for _, block in blocks], about)
        return web.Response(status=201, headers=_headers(request, kept))

    async def _take(self, request: web.Request) -> Arriving:
        if self._arriving >= MAX_ARRIVING:
            raise StoreRefused(503, "ServerBusy", f"{MAX_ARRIVING} bodies are on their way already.")
        self._arriving += 1
        try:
            arriving = await asyncio.to_thread(self._store.begin)
        except BaseException:
            self._arriving -= 1
            raise
        try:
            async for data in self._chunks(request):
                await asyncio.to_thread(arriving.write, data)
            if (given := request.headers.get("Content-MD5")) and given != _md5(arriving)["Content-MD5"]:
                raise StoreRefused(400, "Md5Mismatch", "The body is not the one that Content-MD5 is of.")
        except BaseException:
            arriving.abort()
            raise
        finally:
            self._arriving -= 1
        return arriving

    async def _chunks(self, request: web.Request):
        while True:
            try:
                async with asyncio.timeout(SILENCE_S):
                    data = await request.content.read(READ_BYTES)
            except TimeoutError:
                raise StoreRefused(408, "OperationTimedOut", "The body did not come in time.") from None
            if not data:
                return
            yield data

    def _check_conditions(self, request: web.Request, name: str) -> None:
        kept = self._store.get(name)
        wanted, unwanted = (request.headers.get(header) for header in ("If-Match", "If-None-Match"))
        if unwanted == "*" and kept is not None:
            raise StoreRefused(409, "BlobAlreadyExists", "The specified blob already exists.")
        if kept is not None and unwanted == kept.etag:
            raise StoreRefused(412, "ConditionNotMet", "The blob is the one that is not wanted.")
        if wanted is not None and (kept is None or wanted not in ("*", kept.etag)):
            raise StoreRefused(412, "ConditionNotMet", "The blob is not the one that is wanted.")

    # --- what is got

    async def _get(self, request: web.Request, name: str) -> web.StreamResponse:
        kept = self._store.get(name)
        if kept is None:
            raise StoreRefused(404, "BlobNotFound", "The specified blob does not exist.")
        headers = _headers(request, kept) | _told(kept)
        if request.headers.get("If-None-Match") == kept.etag:
            return web.Response(status=304, headers=headers)
        if request.headers.get("If-Match", "*") not in ("*", kept.etag):
            raise StoreRefused(412, "ConditionNotMet", "The blob is not the one that is wanted.")
        start, end = 0, kept.size
        given = request.headers.get("x-ms-range") or request.headers.get("Range")
        found = _RANGE.fullmatch(given) if given else None
        if found:
            start, end = int(found[1]), min(int(found[2]) + 1, kept.size) if found[2] else kept.size
            if start >= kept.size or end <= start:
                raise StoreRefused(416, "InvalidRange", f"The blob has {kept.size} bytes.")
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{kept.size}"
        response = web.StreamResponse(status=206 if found else 200, headers=headers)
        response.content_length = end - start
        if request.method == "HEAD":
            await response.prepare(request)
            return response
        with kept.file.open("rb") as file:
            file.seek(start)
            await response.prepare(request)
            left = end - start
            while left and (data := await asyncio.to_thread(file.read, min(READ_BYTES, left))):
                left -= len(data)
                await response.write(data)
        return response


def _about(headers: Mapping[str, str], kind: str | None = None) -> dict[str, Any]:
    """What is kept of a blob beside its bytes: its content type (``kind`` if it has none of its own) and metadata."""
    meta = {name[len(META) :]: value for name, value in headers.items() if name.lower().startswith(META)}
    if sum(len(name) + len(value) for name, value in meta.items()) > MAX_META:
        raise StoreRefused(400, "MetadataTooLarge", f"Metadata has {MAX_META} characters at the most.")
    kind = headers.get("x-ms-blob-content-type") or kind or "application/octet-stream"
    if not all(text.isascii() and text.isprintable() for text in (kind, *meta.values())):
        raise StoreRefused(400, "InvalidMetadata", "Metadata and the content type are printable ASCII.")
    return {"type": kind, "meta": meta}


def _told(kept: Kept) -> dict[str, str]:
    told = {
        "Content-Type": kept.about.get("type", "application/octet-stream"),
        "Accept-Ranges": "bytes",
        "x-ms-blob-type": "BlockBlob",
        "x-ms-lease-state": "available",
        "x-ms-lease-status": "unlocked",
    }
    return told | {META + name: value for name, value in kept.about.get("meta", {}).items()}


def _headers(request: web.Request, kept: Kept | None = None) -> dict[str, str]:
    headers = {"x-ms-request-id": str(uuid.uuid4()), "x-ms-version": VERSION}
    if "x-ms-client-request-id" in request.headers:
        headers["x-ms-client-request-id"] = request.headers["x-ms-client-request-id"]
    if kept is not None:
        headers["ETag"] = kept.etag
        headers["Last-Modified"] = format_datetime(
            datetime.fromtimestamp(int(kept.modified), UTC), usegmt=True
        )
    if request.method == "PUT":
        headers["x-ms-request-server-encrypted"] = "false"
    return headers


def _md5(arriving: Arriving) -> dict[str, str]:
    return {"Content-MD5": base64.b64encode(arriving.md5.digest()).decode()}


def _refusal(request: web.Request, refused: StoreRefused) -> web.Response:
    # The query is a credential; the path is not.
    log.info(
        "%s %s: %d %s: %s", request.method, request.path[:200], refused.status, refused.code, refused.message
    )
    headers = _headers(request)
    text = f"{refused.message}\nRequestId:{headers['x-ms-request-id']}\nTime:{iso(datetime.now(UTC).timestamp())}"
    body = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{refused.code}</Code><Message>{text}</Message></Error>'
    headers |= {"x-ms-error-code": refused.code}
    return web.Response(status=refused.status, text=body, content_type="application/xml", headers=headers)
