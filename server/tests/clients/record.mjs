// Prints "open" at each connection and every event as [id, type, data], one JSON value a line:
//   node --input-type=module --eval "$(cat record.mjs)" -- URL TYPE...
// (Evaluated, so that it finds the packages of the directory that it runs in.)
import { EventSource } from "eventsource";

const [url, ...types] = process.argv.slice(1);
const say = (value) => console.log(JSON.stringify(value));
const source = new EventSource(url);
source.onopen = () => say("open");
for (const type of types) {
  source.addEventListener(type, (event) => say([event.lastEventId, event.type, event.data]));
}
