//! Publishing over HTTP: one event a request, or a batch of lines.

use http::StatusCode;
use http::header::CONTENT_TYPE;
use sse_core::{Event, EventError, Hub};

use crate::ndjson;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::request::Request;

/// `POST /publish/<namespace>?event=NAME` (an empty name is none): the body is the data, whatever type it claims to be (`curl -d` says it is a
/// form). `POST /publish/` publishes to the root, unless the body says that it is a batch.
pub(crate) fn single(hub: &Hub, request: &Request, namespace: &str) -> Result<Reply, Problem> {
    if namespace == "/" && is_batch(request) {
        return batch(hub, request);
    }
    let name = request.query_bytes("event").unwrap_or_default();
    let name = str::from_utf8(&name).map_err(|_| {
        Problem::new(StatusCode::BAD_REQUEST, "The event name is not UTF-8 once its percent escapes are decoded.")
    })?;
    let event = Event::new(namespace, request.body()).named(name);
    let id = hub.publish(&event).map_err(|error| problem(&error))?;
    Ok(Reply::json(format!(r#"{{"id":"{id}"}}"#)))
}

/// `POST /publish`: one event a line, all or none of them.
pub(crate) fn batch(hub: &Hub, request: &Request) -> Result<Reply, Problem> {
    if !is_batch(request) {
        let detail = "Send one event a line with `Content-Type: application/x-ndjson`, or a single event to /publish/<namespace> (/publish/ is the root).";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    let mut prepared = Vec::new();
    for (number, line) in ndjson::lines(request.body()) {
        let line = line.map_err(|error| Problem::from_error(StatusCode::BAD_REQUEST, &error).at_line(number))?;
        let name = line.event.as_deref().unwrap_or_default();
        let event = Event::new(&line.namespace, line.data.as_bytes()).named(name);
        prepared.push(hub.prepare(&event).map_err(|error| problem(&error).at_line(number))?);
    }
    // From here on nothing can fail.
    let published = prepared.len();
    let mut last = None;
    for event in prepared {
        last = Some(hub.publish_prepared(event));
    }
    Ok(Reply::json(match last {
        Some(id) => format!(r#"{{"published":{published},"last_id":"{id}"}}"#),
        None => r#"{"published":0,"last_id":null}"#.to_owned(),
    }))
}

fn is_batch(request: &Request) -> bool {
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/x-ndjson")
}

fn problem(error: &EventError) -> Problem {
    let status = match error {
        EventError::Namespace(_) => StatusCode::BAD_REQUEST,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Problem::from_error(status, error)
}
