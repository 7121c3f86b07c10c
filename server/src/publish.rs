//! Publishing over HTTP: one event a request, or a batch of them.

use http::StatusCode;
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderValue};
use sse_core::http::{event_name, is_coded, refused_status};
use sse_core::{Event, EventError, FrameError, Hub};

use crate::batch::{self, Fault, FaultKind, Form};
use crate::batches::Batches;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::request::Request;

/// A batch of no more bytes, some 500 events, is read and published at once: that takes a third of a millisecond. What waits
/// for its turn is counted by the event loops, which don't count what is this small.
const SMALL_BATCH_BYTES: usize = sse_net::ALLOWANCE_BYTES;

/// What a `POST` to `/publish` or beneath it asks for: at `/publish` itself a batch, if the body says that it is one, or
/// else an event for the root.
pub(crate) fn answer(hub: &Hub, batches: &Batches, request: &Request, namespace: &str) -> Result<Reply, Problem> {
    refuse_coded(request)?;
    match form(request) {
        Some(form) if namespace == "/" && request.body().len() <= SMALL_BATCH_BYTES => batch(hub, request.body(), form),
        Some(form) if namespace == "/" => Ok(large_batch(hub, batches, request, form)),
        None if namespace == "/" && looks_like_a_batch(request.body()) => {
            let detail = "This looks like a batch, but its type doesn't say so. Send it with `Content-Type: \
                          application/x-ndjson` (one event a line) or `application/json` (an event or an array of them), \
                          or a single event to /publish/<namespace>.";
            Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
        }
        _ => single(hub, request, namespace),
    }
}

/// Whether this may be a batch whose type was forgotten: as one event it would reach nobody that it is meant for.
fn looks_like_a_batch(body: &[u8]) -> bool {
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    matches!(body.trim_ascii_start(), [b'{' | b'[', ..])
}

/// `POST /publish/<namespace>?event=NAME` (an empty name is none): the body is the data, whatever type it claims to be
/// (`curl -d` says it is a form).
fn single(hub: &Hub, request: &Request, namespace: &str) -> Result<Reply, Problem> {
    let name = event_name(request.parameters())?;
    let event = Event::new(namespace, request.body()).named(&name);
    let id = hub.publish(&event).map_err(|error| problem(&error))?;
    Ok(Reply::json(format!(r#"{{"id":"{id}"}}"#)))
}

/// The same on a thread, which would hold an event loop up: the answer comes when all are published, or none will be.
fn large_batch(hub: &Hub, batches: &Batches, request: &Request, form: Form) -> Reply {
    let (hub, batches, body) = (hub.clone(), batches.clone(), request.body().clone());
    Reply::later(move |responder| {
        batches.push(move || responder.send(batch(&hub, &body, form).unwrap_or_else(Reply::from)));
    })
}

/// All events of a batch, or none.
fn batch(hub: &Hub, body: &[u8], form: Form) -> Result<Reply, Problem> {
    let prepared = batch::read(form, body, |event| hub.prepare(event)).map_err(fault)?;
    // From here on nothing can fail, but for a hub that an embedder closes.
    let published = prepared.len();
    let mut last = None;
    for event in prepared {
        last = Some(hub.publish_prepared(event).map_err(|error| problem(&error))?);
    }
    Ok(Reply::json(match last {
        Some(id) => format!(r#"{{"published":{published},"last_id":"{id}"}}"#),
        None => r#"{"published":0,"last_id":null}"#.to_owned(),
    }))
}

fn form(request: &Request) -> Option<Form> {
    Form::of(request.headers().get(CONTENT_TYPE)?.to_str().ok()?)
}

/// We decode nothing: what is compressed would be published as it is, or taken for bad JSON. `Accept-Encoding` says what
/// to send instead (RFC 9110 section 15.5.16).
fn refuse_coded(request: &Request) -> Result<(), Problem> {
    if !is_coded(request.headers()) {
        return Ok(());
    }
    let detail = "The body has a `Content-Encoding`, and nothing is decoded here: send it uncompressed.";
    let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail);
    Err(problem.header(ACCEPT_ENCODING, HeaderValue::from_static("identity")))
}

fn fault(Fault { place, kind }: Fault) -> Problem {
    let problem = match kind {
        FaultKind::Event(error) => problem(&error),
        FaultKind::Json(what) => Problem::from_words(
            StatusCode::BAD_REQUEST,
            format!(r#"{what}; an event looks like {{"namespace":"/pets","event":"new-dog","data":"Corgi"}}"#),
        ),
    };
    problem.at(place)
}

/// A body of more bytes than are taken.
pub(crate) fn too_large(limit: usize) -> Problem {
    let detail = format!("The body is too large: this server takes at most {limit} bytes (--max-body).");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
}

fn problem(error: &EventError) -> Problem {
    let status = refused_status(error);
    if let EventError::Frame(FrameError::FrameTooLong { .. }) = error {
        let detail = format!(
            "{error}: each line of its data takes six more than its text. No event may put its readers behind by \
             itself: raise --max-lag, or publish less at once"
        );
        return Problem::from_words(status, detail);
    }
    Problem::from_error(status, error)
}
