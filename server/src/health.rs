//! Answers for load balancers and people who want to know whether we are well.

use bytes::Bytes;
use http::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};

use crate::problem::Problem;
use crate::reply::Reply;

/// `/health`: how many streams are open.
pub(crate) fn health(streams: usize) -> Reply {
    now(format!("Active connections: {streams}"))
}

/// `/healthz`: this process answers. Stays so until its end, or an orchestrator would kill what is only draining.
pub(crate) fn alive() -> Reply {
    now("ok\n")
}

/// `/readyz`: new streams are welcome.
pub(crate) fn ready(draining: bool) -> Result<Reply, Problem> {
    if draining {
        return Err(Problem::unavailable("The server is draining and takes no new streams.", 10));
    }
    Ok(now("ok\n"))
}

/// True now, and perhaps no longer in a second: no cache may keep it.
fn now(text: impl Into<Bytes>) -> Reply {
    let mut response = Response::new(text.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.into()
}
