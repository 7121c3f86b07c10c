"""Listens through one client, for ever, and prints what it hands out, one JSON value a line (`at` in ns since 1970):
["open", at], ["event", at, id, type, data], ["error", at, text]

    python listen.py CLIENT URL
"""

import asyncio
import json
import sys
import time

# What the server asks for by `retry:`.
RETRY_SECONDS = 0.05

# Much longer than from one keepalive to the next.
SILENCE_SECONDS = 1


def say(what, *rest):
    print(json.dumps([what, time.time_ns(), *rest]), flush=True)


class Listener:
    """Says what a client hands out, and keeps the id to come back with, as the READMEs have it: `event.id or last`."""

    def __init__(self):
        self.last = ""

    def headers(self):
        return {"Accept": "text/event-stream"} | ({"Last-Event-ID": self.last} if self.last else {})

    def opened(self):
        say("open")

    def event(self, id, type, data):
        self.last = id or self.last
        say("event", id or "", type or "message", data)


class Parser:
    """What one writes by hand where a library gives bytes or lines (HTML §9.2.6)."""

    def __init__(self, listener):
        self.listener = listener
        self.rest = b""
        self.begin_block()

    def begin_block(self):
        self.id, self.type, self.data = None, "", []

    def bytes(self, piece):
        # A long line is joined once, not at each piece.
        *lines, rest = piece.split(b"\n")
        if lines:
            lines[0], self.rest = self.rest + lines[0], b""
        self.rest += rest
        for line in lines:
            self.line(line.decode())

    def line(self, line):
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "data":
                self.data.append(value)
            elif name == "event":
                self.type = value
            elif name == "id":
                self.id = value
            return
        if self.id is not None:
            self.listener.last = self.id
        if self.data:
            self.listener.event(self.listener.last, self.type, "\n".join(self.data))
        self.begin_block()


# --- Clients that wait in their thread ---------------------------------------------------------------------------


def by_requests(url, listener):
    import requests

    with requests.get(url, stream=True, headers=listener.headers()) as response:
        response.raise_for_status()
        listener.opened()
        parser = Parser(listener)
        for line in response.iter_lines():
            parser.line(line.decode())


def by_urllib3(url, listener):
    import urllib3

    response = urllib3.PoolManager().request("GET", url, headers=listener.headers(), preload_content=False)
    listener.opened()
    parser = Parser(listener)
    for piece in response.stream():
        parser.bytes(piece)


def by_curl(url, listener):
    import subprocess

    headers = [word for name, value in listener.headers().items() for word in ("-H", f"{name}: {value}")]
    parser = Parser(listener)
    with subprocess.Popen(["curl", "-sN", *headers, url], stdout=subprocess.PIPE) as curl:
        while piece := curl.stdout.read1():
            parser.bytes(piece)


def by_sseclient_py(url, listener):
    import requests
    import sseclient

    with requests.get(url, stream=True, headers=listener.headers()) as response:
        response.raise_for_status()
        listener.opened()
        for event in sseclient.SSEClient(response).events():
            listener.event(event.id, event.event, event.data)


def by_sseclient_py_and_httpx(url, listener):
    import httpx
    import sseclient

    with httpx.Client(timeout=None) as client, client.stream("GET", url, headers=listener.headers()) as response:
        response.raise_for_status()
        listener.opened()
        for event in sseclient.SSEClient(response.iter_bytes()).events():
            listener.event(event.id, event.event, event.data)


def by_httpx_sse(url, listener):
    import httpx
    import httpx_sse

    with httpx.Client(timeout=None) as client:
        with httpx_sse.connect_sse(client, "GET", url, headers=listener.headers()) as source:
            source.response.raise_for_status()
            listener.opened()
            for event in source.iter_sse():
                listener.event(event.id, event.event, event.data)


def by_sseclient(url, listener):
    import sseclient

    for event in sseclient.SSEClient(url, last_id=listener.last, retry=RETRY_SECONDS * 1000):
        listener.event(event.id, event.event, event.data)


def by_requests_sse(url, listener):
    from datetime import timedelta

    from requests_sse import EventSource

    settings = {
        "reconnection_time": timedelta(seconds=RETRY_SECONDS / 2),
        "on_open": listener.opened,
        "latest_event_id": listener.last,
    }
    with EventSource(url, **settings) as source:
        for event in source:
            listener.event(event.last_event_id, event.type, event.data)


# --- Clients on asyncio ------------------------------------------------------------------------------------------


async def by_aiohttp(url, listener):
    import aiohttp

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:
        async with session.get(url, headers=listener.headers()) as response:
            response.raise_for_status()
            listener.opened()
            parser = Parser(listener)
            # By lines it refuses those above 64 KiB.
            async for piece in response.content.iter_any():
                parser.bytes(piece)


async def by_tornado(url, listener):
    from tornado.httpclient import AsyncHTTPClient, HTTPRequest

    parser = Parser(listener)
    alive = asyncio.Event()

    def header(line):
        # The blank line after the last header.
        if not line.strip():
            listener.opened()

    def body(piece):
        alive.set()
        parser.bytes(piece)

    request = HTTPRequest(
        url, headers=listener.headers(), header_callback=header, streaming_callback=body, request_timeout=0
    )
    fetch = asyncio.ensure_future(AsyncHTTPClient().fetch(request))
    # Where a chunked stream is reset, it neither fails nor ends: one that is silent for too long is given up.
    while not fetch.done():
        alive.clear()
        waiting = asyncio.ensure_future(alive.wait())
        await asyncio.wait({fetch, waiting}, timeout=SILENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if not (fetch.done() or alive.is_set()):
            raise TimeoutError("not even keepalives")
    await fetch


async def by_aiohttp_sse_client(url, listener):
    from datetime import timedelta

    import aiohttp
    from aiohttp_sse_client.client import EventSource

    # Its lines are aiohttp's, which are to be shorter than half of this buffer.
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None), read_bufsize=1 << 20) as session:
        settings = {"reconnection_time": timedelta(seconds=RETRY_SECONDS / 2), "on_open": listener.opened}
        async with EventSource(url, session=session, headers=listener.headers(), **settings) as source:
            async for event in source:
                listener.event(event.last_event_id, event.type, event.data)


async def by_aiosseclient(url, listener):
    from aiosseclient import aiosseclient

    async for event in aiosseclient(url, last_id=listener.last):
        listener.event(event.id, event.event, event.data)


def main(client, url):
    listen = globals()["by_" + client.replace("-", "_")]
    listener = Listener()
    while True:
        try:
            if asyncio.iscoroutinefunction(listen):
                asyncio.run(listen(url, listener))
            else:
                listen(url, listener)
        except Exception as error:
            say("error", repr(error))
        time.sleep(RETRY_SECONDS)


main(*sys.argv[1:])
