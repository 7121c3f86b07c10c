//! HTTP, for those who serve a hub's streams by it: what requests ask for, and what answers say. No sockets, no
//! runtime: a framework has those. It is the one place of this crate that knows of HTTP.
//!
//! With the feature `http` there are the parts: a [`Path`], a [`Query`], the [filter](requested_filter) and the
//! [last event's id](last_event_id) that they name, and the [head of a stream](STREAM_HEADERS).
//! With the feature `tower` there is the whole: an `EventService`.

mod bad_request;
#[cfg(feature = "tower")]
mod event_service;
mod last_event_id;
mod parameters;
mod path;
#[cfg(feature = "tower")]
mod permits;
#[cfg(feature = "tower")]
mod problem;
mod publication;
#[cfg(feature = "tower")]
mod publishing;
mod query;
mod requested;
#[cfg(feature = "tower")]
mod response_body;
mod stream_head;
mod text;

pub use bad_request::BadRequest;
#[cfg(feature = "tower")]
pub use event_service::{EventService, ResponseFuture};
pub use last_event_id::last_event_id;
pub use path::{Path, PathError, decode_query_value};
pub use publication::{event_name, is_coded, refused_status};
pub use query::Query;
pub use requested::requested_filter;
#[cfg(feature = "tower")]
pub use response_body::ResponseBody;
pub use stream_head::{STREAM_HEADERS, retry_block, stream_headers};
pub use text::{cut, sentence, shortened};
