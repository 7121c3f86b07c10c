//! Event streams in an actix application, whose handlers take any `Stream`: `curl -N localhost:8001/events/pets`, then
//! `curl -d Corgi localhost:8001/dogs`.

use std::{task::Waker, time::Duration};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use sse_core::{Event, EventStream, Filter, Hub, HubConfig, http::STREAM_HEADERS, keep_time};
use tokio::time::sleep;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let hub = Hub::new(HubConfig { history_bytes: 16 << 20, ..HubConfig::default() });
    tokio::spawn(keep_time(hub.clone(), sleep));
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8001".to_owned());
    let app = move || {
        let hub = web::Data::new(hub.clone());
        App::new().app_data(hub).route("/events/{path:.*}", web::get().to(events)).route("/dogs", web::post().to(dogs))
    };
    let server = HttpServer::new(app).workers(2).bind(address)?;
    println!("listening on http://{}", server.addrs()[0]);
    server.run().await
}

async fn events(hub: web::Data<Hub>, path: web::Path<String>, request: HttpRequest) -> HttpResponse {
    let filter = match Filter::parse(&format!("/{path}")) {
        Ok(filter) => filter,
        Err(error) => return HttpResponse::BadRequest().body(error.to_string()),
    };
    // An id that is no text is unknown, too.
    let last_event_id = request.headers().get("last-event-id").map(|id| id.to_str().unwrap_or("?"));
    match hub.subscribe_with(&filter, last_event_id, |_| Waker::noop().clone()) {
        Ok(subscription) => {
            let mut response = HttpResponse::Ok();
            for header in STREAM_HEADERS {
                response.insert_header(header);
            }
            response.streaming(EventStream::new(subscription).with_keepalive(Duration::from_secs(15), sleep))
        }
        Err(error) => HttpResponse::ServiceUnavailable().body(error.to_string()),
    }
}

async fn dogs(hub: web::Data<Hub>, name: String) -> HttpResponse {
    match hub.publish(&Event::new("/pets/dogs", &name).named("new-dog")) {
        Ok(id) => HttpResponse::Ok().body(id.to_string()),
        Err(error) => HttpResponse::UnprocessableEntity().body(error.to_string()),
    }
}
