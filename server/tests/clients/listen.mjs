// Prints "open" at each connection and every event as [type, data], one JSON value a line:
//   node --experimental-eventsource listen.mjs npm|node URL TYPE...
const [whose, url, ...types] = process.argv.slice(2);
const { EventSource } = whose === "npm" ? await import("eventsource") : globalThis;

const say = (value) => console.log(JSON.stringify(value));
const source = new EventSource(url);
source.onopen = () => say("open");
for (const type of types) {
  source.addEventListener(type, (event) => say([event.type, event.data]));
}

// While Node's own waits to reconnect, nothing else keeps the process alive.
setInterval(() => {}, 60_000);
