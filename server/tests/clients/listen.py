"""Prints "open" when connected and every event as [type, data], one JSON value a line:
python listen.py httpx-sse|sseclient-py URL"""

import json
import sys

import httpx
import httpx_sse
import sseclient


def say(value):
    print(json.dumps(value), flush=True)


def by_httpx_sse(client, url):
    with httpx_sse.connect_sse(client, "GET", url) as source:
        source.response.raise_for_status()
        say("open")
        for event in source.iter_sse():
            # Unlike the standard, it makes an event of every blank line once there was an id: after a comment, too.
            if event.data:
                say([event.event, event.data])


def by_sseclient_py(client, url):
    with client.stream("GET", url, headers={"Accept": "text/event-stream"}) as response:
        response.raise_for_status()
        say("open")
        for event in sseclient.SSEClient(response.iter_bytes()).events():
            say([event.event, event.data])


library, url = sys.argv[1:]
with httpx.Client(timeout=None) as client:
    {"httpx-sse": by_httpx_sse, "sseclient-py": by_sseclient_py}[library](client, url)
