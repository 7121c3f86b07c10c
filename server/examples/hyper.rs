//! A server of hyper and one service: `curl -N localhost:8001/pets`, then `curl -d Corgi localhost:8001/pets/dogs`.

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use sse_core::{Hub, HubConfig, http::EventService, keep_time};
use tokio::{net::TcpListener, time::sleep};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let hub = Hub::new(HubConfig { history_bytes: 16 << 20, ..HubConfig::default() });
    tokio::spawn(keep_time(hub.clone(), sleep));
    let service = EventService::new(hub).with_timer(sleep).with_publish();

    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8001".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (socket, _) = listener.accept().await?;
        let service = TowerToHyperService::new(service.clone());
        // How a connection ends is of no interest here.
        tokio::spawn(async move {
            Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), service).await.ok()
        });
    }
}
