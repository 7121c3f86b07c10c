//! A hub's streams as a service.
//!
//! ```text
//!   GET, HEAD   /pets?…     the event stream of /pets; its head alone
//!   POST        /pets?…     publishes the body, if that is switched on
//!   OPTIONS     /pets       which of these there are
//! ```

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::header::ALLOW;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use tower_service::Service;

use super::last_event_id::last_event_id;
use super::path::Path;
use super::permits::Permits;
use super::problem::Problem;
use super::publishing::Publishing;
use super::query::Query;
use super::requested::requested_filter;
use super::response_body::ResponseBody;
use super::stream_head::{retry_block, stream_headers};
use super::text::shortened;
use crate::adapters::event_stream::{EventStream, MAX_LAG_BYTES};
use crate::adapters::timer::Timer;
use crate::hub::{Hub, SubscribeError};
use crate::random::random;

const KEEPALIVE: Duration = Duration::from_secs(15);

const MAX_BODY_BYTES: usize = 1 << 20;

/// When subscribers that are turned away are to come back, at least, and in how many milliseconds more at most. Long
/// enough to be a relief, short enough that hardly anyone who watches notices.
const RETRY_MS: (u32, u32) = (2_000, 8_000);

/// Serves a hub's streams over HTTP: a `tower_service::Service` for axum, hyper, and all that take such services.
///
/// ```ignore
/// Router::new().nest_service("/events", EventService::new(hub).with_timer(tokio::time::sleep))
/// ```
///
/// Then `GET /events/pets` is the stream of `/pets`, and of all beneath it; `*` stands for one segment; `GET
/// /events?namespace=/pets&namespace=/time` is one stream of several namespaces. A client that comes back with
/// `Last-Event-ID` (or `?last_event_id=`) goes on from there. What goes over the wire is what `sse-server` sends, but
/// for a line `retry:`.
///
/// Layers around it decide who may subscribe, and from which origins.
///
/// ```
/// use http::{Request, StatusCode};
/// use sse_core::http::EventService;
/// use sse_core::{Hub, HubConfig};
/// use tower_service::Service;
///
/// let mut service = EventService::new(Hub::new(HubConfig::default()));
/// let answer = service.call(Request::get("/pets").body(String::new())?);
/// # use std::{future::Future, pin::pin, task::{Context, Poll, Waker}};
/// # let Poll::Ready(Ok(answer)) = pin!(answer).poll(&mut Context::from_waker(Waker::noop())) else { unreachable!() };
/// assert_eq!(answer.status(), StatusCode::OK);
/// assert_eq!(answer.headers()["content-type"], "text/event-stream; charset=utf-8");
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct EventService {
    hub: Hub,
    timer: Option<Timer>,
    keepalive: Duration,
    max_lag_bytes: u64,
    max_streams: usize,
    /// `None`: nobody may publish.
    max_body_bytes: Option<usize>,
    streams: Permits,
}

impl EventService {
    /// A service of streams alone, without keepalive comments.
    #[must_use]
    pub fn new(hub: Hub) -> Self {
        Self {
            hub,
            timer: None,
            keepalive: KEEPALIVE,
            max_lag_bytes: MAX_LAG_BYTES,
            max_streams: usize::MAX,
            max_body_bytes: None,
            streams: Permits::default(),
        }
    }

    /// Sends keepalive comments, for which it needs the runtime's way to sleep, as `tokio::time::sleep`. Without them a
    /// proxy may end a connection on which nothing happens, and nobody notices a client that is gone.
    #[must_use]
    pub fn with_timer<S>(self, sleep: impl Fn(Duration) -> S + Send + Sync + 'static) -> Self
    where
        S: Future<Output = ()> + Send + 'static,
    {
        Self { timer: Some(Timer::new(sleep)), ..self }
    }

    /// How long a stream may be silent before it gets a comment, if there is a [timer](Self::with_timer). 15 seconds by
    /// default.
    #[must_use]
    pub fn with_keepalive(self, keepalive: Duration) -> Self {
        Self { keepalive, ..self }
    }

    /// Ends a stream whose reader is more than this many bytes behind: its client comes back with its id. 1 MiB by
    /// default. The limit is to be larger than what is published in one go.
    #[must_use]
    pub fn with_max_lag(self, max_lag_bytes: u64) -> Self {
        Self { max_lag_bytes, ..self }
    }

    /// Most streams at once, of all clones of this service together. Others are told when to come back. Without limit
    /// by default.
    #[must_use]
    pub fn with_max_streams(self, max_streams: usize) -> Self {
        Self { max_streams, ..self }
    }

    /// Lets every client that reaches the service publish: `POST /events/pets?event=NAME` with the data as its body,
    /// of up to 1 MiB. The answer is `{"id":"…"}`. Pages of other sites may not.
    #[must_use]
    pub fn with_publish(self) -> Self {
        self.with_publish_up_to(MAX_BODY_BYTES)
    }

    /// The same with bodies of up to this many bytes.
    #[must_use]
    pub fn with_publish_up_to(self, max_body_bytes: usize) -> Self {
        Self { max_body_bytes: Some(max_body_bytes), ..self }
    }

    fn answer<B: Body>(&self, head: &Parts, body: B) -> Result<ResponseFuture<B>, Problem> {
        let path =
            Path::decode(head.uri.path()).map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))?;
        match (&head.method, self.max_body_bytes) {
            (&Method::GET | &Method::HEAD, _) => self.subscribe(head, path.as_str()).map(ResponseFuture::ready),
            (&Method::POST, Some(most)) => {
                let publishing = Publishing::new(&self.hub, head, path.as_str(), body, most)?;
                Ok(ResponseFuture(State::Publishing(publishing)))
            }
            (&Method::OPTIONS, _) => Ok(ResponseFuture::ready(self.allowed())),
            (method, _) => {
                let (allow, method) = (self.allow(), shortened(method.as_str()));
                let detail = format!("{method} does nothing here; allowed: {allow}.");
                Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail).with_header(ALLOW, allow))
            }
        }
    }

    fn subscribe(&self, head: &Parts, namespace: &str) -> Result<Response<ResponseBody>, Problem> {
        let query = Query::of(&head.uri);
        let filter = requested_filter(namespace, query, self.hub.limits(), self.hub.filter_limits())?;
        if head.method == Method::HEAD {
            return Ok(of_a_stream(ResponseBody::empty()));
        }
        let last_event_id = last_event_id(&head.headers, query);
        let turn_away =
            || of_a_stream(ResponseBody::whole(Bytes::from(retry_block(retry_ms(), last_event_id.as_deref()))));
        let Some(permit) = self.streams.take(self.max_streams) else { return Ok(turn_away()) };
        // The task that polls the stream gives its own waker.
        let subscription = match self.hub.subscribe_with(&filter, last_event_id.as_deref(), |_| Waker::noop().clone()) {
            Ok(subscription) => subscription,
            Err(SubscribeError::TooManyChannels { .. }) => return Ok(turn_away()),
            Err(error) => return Err(Problem::from_error(refused_subscription_status(&error), &error)),
        };
        let stream = EventStream::new(subscription).with_max_lag(self.max_lag_bytes);
        let stream = match &self.timer {
            Some(timer) if !self.keepalive.is_zero() => stream.with_timer(self.keepalive, timer.clone()),
            _ => stream,
        };
        let start = HeaderValue::from_static(stream.start().as_str());
        let mut response = of_a_stream(ResponseBody::stream(stream, permit));
        response.headers_mut().insert(HeaderName::from_static("sse-resume"), start);
        Ok(response)
    }

    fn allowed(&self) -> Response<ResponseBody> {
        let mut response = Response::new(ResponseBody::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(self.allow()));
        response
    }

    fn allow(&self) -> &'static str {
        if self.max_body_bytes.is_some() { "GET, HEAD, POST, OPTIONS" } else { "GET, HEAD, OPTIONS" }
    }
}

/// The status for a subscription that the hub doesn't take.
fn refused_subscription_status(error: &SubscribeError) -> StatusCode {
    match error {
        SubscribeError::Closed | SubscribeError::TooManyChannels { .. } => StatusCode::SERVICE_UNAVAILABLE,
        SubscribeError::Pattern(_) | SubscribeError::Filter(_) => StatusCode::BAD_REQUEST,
    }
}

fn of_a_stream(body: ResponseBody) -> Response<ResponseBody> {
    let mut response = Response::new(body);
    *response.headers_mut() = stream_headers();
    response
}

/// Another for each client that is turned away.
fn retry_ms() -> u32 {
    let (least, range) = RETRY_MS;
    least + (random() % u64::from(range)) as u32
}

impl<B: Body> Service<Request<B>> for EventService {
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = ResponseFuture<B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture<B> {
        let (head, body) = request.into_parts();
        self.answer(&head, body).unwrap_or_else(|problem| ResponseFuture::ready(problem.into()))
    }
}

/// An answer of an [`EventService`]: it is there at once, or when the body of a request that publishes is.
#[derive(Debug)]
#[must_use = "futures do nothing unless they are polled"]
pub struct ResponseFuture<B>(State<B>);

#[derive(Debug)]
enum State<B> {
    /// `None`: given.
    Ready(Option<Response<ResponseBody>>),
    Publishing(Publishing<B>),
}

impl<B> ResponseFuture<B> {
    fn ready(response: Response<ResponseBody>) -> Self {
        Self(State::Ready(Some(response)))
    }
}

impl<B: Body> Future for ResponseFuture<B> {
    type Output = Result<Response<ResponseBody>, Infallible>;

    /// # Panics
    /// If it is polled again after its answer was given.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.get_mut().0 {
            State::Ready(response) => Poll::Ready(Ok(response.take().expect("polled after its answer was given"))),
            State::Publishing(publishing) => {
                publishing.poll(cx).map(|answer| Ok(answer.unwrap_or_else(Response::from)))
            }
        }
    }
}
