//! Server-Sent Events as one writes them with axum: each stream has a receiver of a tokio broadcast channel.

mod pace;
mod told;

use std::convert::Infallible;
use std::error::Error;
use std::thread;

use axum::Router;
use axum::extract::State;
use axum::response::sse::{Event, Sse};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::{Stream, StreamExt};

/// Messages that the channel holds for its slowest receiver: as many as help.
const CAPACITY: usize = 1 << 16;

type Sender = broadcast::Sender<String>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (sender, _) = broadcast::channel(CAPACITY);
    let router = Router::new().route("/subscribe/time", get(subscribe)).with_state(sender.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        let publish = |data| {
            // It fails while no one listens.
            let _ = sender.send(data);
        };
        told::obey(address, publish).expect("the harness makes sense");
        std::process::exit(0);
    });
    Ok(axum::serve(listener, router).await?)
}

async fn subscribe(State(sender): State<Sender>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    // A receiver that has fallen behind goes on with what there is.
    let messages = BroadcastStream::new(sender.subscribe()).filter_map(|message| message.ok());
    Sse::new(messages.map(|data| Ok(Event::default().data(data))))
}
