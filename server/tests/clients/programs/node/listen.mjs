// Listens through one client, for ever, and prints what it hands out, one JSON value a line (`at` in ns since 1970):
// ["open", at], ["event", at, id, type, data], ["error", at, text]
//
//   node --experimental-eventsource listen.mjs CLIENT URL TYPE...
const [client, url, ...types] = process.argv.slice(2);

function say(what, ...rest) {
  const at = Math.round((performance.timeOrigin + performance.now()) * 1e6);
  console.log(JSON.stringify([what, at, ...rest]));
}

/** Anything with the standard's interface. */
function standard(source) {
  source.onopen = () => say("open");
  source.onerror = (event) => say("error", String(event.message ?? event.error ?? event.type));
  for (const type of types) {
    source.addEventListener(type, (event) => say("event", event.lastEventId, event.type, event.data));
  }
}

const clients = {
  async node() {
    standard(new EventSource(url));
  },
  async eventsource() {
    const { EventSource } = await import("eventsource");
    standard(new EventSource(url));
  },
  async "eventsource-5"() {
    const { EventSource } = await import("eventsource-5");
    standard(new EventSource(url));
  },
  async undici() {
    const { EventSource } = await import("undici");
    standard(new EventSource(url));
  },
  async "launchdarkly-eventsource"() {
    const { EventSource } = (await import("launchdarkly-eventsource")).default;
    // Without an `errorFilter` that says yes, a broken line is the end; and it waits as it likes, not as it is told.
    standard(new EventSource(url, { errorFilter: () => true, initialRetryDelayMillis: 50, maxBackoffMillis: 50 }));
  },
  async "event-source-polyfill"() {
    const { EventSourcePolyfill } = (await import("event-source-polyfill")).default;
    standard(new EventSourcePolyfill(url));
  },
  async "eventsource-client"() {
    const { createEventSource } = await import("eventsource-client");
    createEventSource({
      url,
      onConnect: () => say("open"),
      onDisconnect: () => say("error", "disconnected"),
      onMessage: ({ id, event, data }) => say("event", id ?? "", event ?? "message", data),
    });
  },
  async "fetch-event-source"() {
    // It is written for pages; this is all of one that it touches.
    globalThis.window = globalThis;
    globalThis.document = { removeEventListener() {} };
    const { fetchEventSource } = await import("@microsoft/fetch-event-source");
    fetchEventSource(url, {
      openWhenHidden: true,
      async onopen(response) {
        if (!response.ok) throw new Error(`status ${response.status}`);
        say("open");
      },
      onmessage: ({ id, event, data }) => say("event", id, event || "message", data),
      onclose() {
        // As its README has it: a stream that ends is to be asked for again.
        throw new Error("closed");
      },
      onerror(error) {
        say("error", String(error));
      },
    });
  },
};

await clients[client]();
// While some clients wait to connect again, nothing else keeps the process alive.
setInterval(() => {}, 60_000);
