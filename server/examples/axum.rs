//! Subscriptions in an application that exists already: axum keeps its own routes, and a hub's streams are mounted
//! under `/events/`. No `sse-net` here: axum does the HTTP, the hub says what to send, and from where on to those who
//! come back.
//!
//! ```text
//! cargo run --example axum [ADDRESS]
//! curl -N localhost:8001/events/pets
//! curl -d Corgi localhost:8001/dogs
//! ```

use std::convert::Infallible;
use std::env;
use std::error::Error;
use std::pin::Pin;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Poll, Waker};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::{Stream, stream};
use sse_core::{Event, Filter, Hub, HubConfig, SubscribeError, Subscription};
use tokio::net::TcpListener;
use tokio::time::Instant;

/// A reader this many bytes behind is not worth waiting for.
const MAX_LAG: u64 = 1024 * 1024;

/// What is kept for those who come back.
const HISTORY_BYTES: usize = 16 * 1024 * 1024;
const HISTORY_AGE: Duration = Duration::from_secs(600);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listen = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8001".to_owned());
    let config = HubConfig { history_bytes: HISTORY_BYTES, history_age: HISTORY_AGE, ..HubConfig::default() };
    let hub = Hub::new(config);
    tokio::spawn(tidy_up(hub.clone()));
    let app = Router::new()
        .route("/", get(index))
        .route("/dogs", post(announce_dog))
        .route("/events/", get(subscribe_to_all))
        .route("/events/{*namespace}", get(subscribe))
        .with_state(hub);

    let listener = TcpListener::bind(listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

/// The application's own routes.
async fn index() -> Html<&'static str> {
    Html("<p>An application with <a href=\"/events/pets\">events</a>.</p>")
}

async fn announce_dog(State(hub): State<Hub>, name: String) -> Response {
    match hub.publish(&Event::new("/pets/dogs", &name).named("new-dog")) {
        Ok(id) => id.to_string().into_response(),
        Err(error) => (StatusCode::UNPROCESSABLE_ENTITY, error.to_string()).into_response(),
    }
}

/// What is mounted.
async fn subscribe_to_all(hub: State<Hub>, headers: HeaderMap) -> Response {
    subscribe(hub, Path(String::new()), headers).await
}

async fn subscribe(State(hub): State<Hub>, Path(namespace): Path<String>, request: HeaderMap) -> Response {
    let filter = match Filter::parse(&format!("/{namespace}")) {
        Ok(filter) => filter,
        Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    };
    let headers = [(CONTENT_TYPE, "text/event-stream; charset=utf-8"), (CACHE_CONTROL, "no-cache, no-store")];
    // An id that is no text is as unknown as any other that was never given.
    let last_event_id = request.get("last-event-id").map(|id| id.to_str().unwrap_or("?"));
    match frames(&hub, &filter, last_event_id) {
        Ok(frames) => (headers, Body::from_stream(frames)).into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
    }
}

/// The subscription's bytes, as they come; ends when the reader is hopelessly behind.
fn frames(
    hub: &Hub,
    filter: &Filter,
    last_event_id: Option<&str>,
) -> Result<impl Stream<Item = Result<Bytes, Infallible>> + use<>, SubscribeError> {
    let subscription = hub.subscribe_with(filter, last_event_id, |_| Waker::noop().clone())?;
    let subscription = Arc::new(Mutex::new(Some(subscription)));
    tokio::spawn(give_up_on_lag(Arc::downgrade(&subscription)));
    Ok(stream::poll_fn(move |cx| match &mut *subscription.lock().expect("no one panics with it") {
        Some(subscription) => Pin::new(subscription).poll_next(cx).map(|bytes| bytes.map(Ok)),
        None => Poll::Ready(None),
    }))
}

/// Unsubscribes a reader who is too far behind. The stream can't do so itself: nobody polls it while its socket is full.
async fn give_up_on_lag(subscription: Weak<Mutex<Option<Subscription>>>) {
    let mut timer = tokio::time::interval(Duration::from_secs(1));
    loop {
        timer.tick().await;
        let Some(subscription) = subscription.upgrade() else { return };
        let mut subscription = subscription.lock().expect("no one panics with it");
        if subscription.as_ref().is_some_and(|subscription| subscription.lag() > MAX_LAG) {
            *subscription = None;
            return;
        }
    }
}

/// Lets go of what has been kept for long enough. The hub itself has no clock.
async fn tidy_up(hub: Hub) {
    let started = Instant::now();
    let mut timer = tokio::time::interval(Duration::from_secs(1));
    loop {
        timer.tick().await;
        hub.tick(started.elapsed());
    }
}
