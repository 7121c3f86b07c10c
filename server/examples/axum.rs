//! Event streams in an axum application. Read them with `curl -N localhost:8001/events/pets`, and publish one with
//! `curl -d Corgi localhost:8001/dogs`.

use axum::{Router, http::StatusCode, routing::post};
use sse_core::{Event, Hub, HubConfig, http::EventService, keep_time};
use tokio::{net::TcpListener, time::sleep};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let hub = Hub::new(HubConfig { history_bytes: 16 << 20, ..HubConfig::default() });
    tokio::spawn(keep_time(hub.clone(), sleep));

    let publisher = hub.clone();
    let announce_dog = async move |name: String| {
        let id = publisher.publish(&Event::new("/pets/dogs", &name).named("new-dog"));
        id.map(|id| id.to_string()).map_err(|error| (StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))
    };
    let app = Router::new()
        .nest_service("/events", EventService::new(hub).with_timer(sleep))
        .route("/dogs", post(announce_dog));

    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8001".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await
}
