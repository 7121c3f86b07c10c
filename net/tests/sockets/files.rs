//! Sockets in the file system.

use std::collections::HashSet;
use std::env;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use bytes::Bytes;
use http::{Request, Response};
use sse_core::{Event, Filter, Hub, HubConfig};
use sse_net::{
    Address, Config, Context, Listeners, Peer, Reply, RequestError, Service, StreamEnd, StreamReply, Workers,
};

use crate::support::wait_for;

/// `/` is a stream; the rest is told who asks. Remembers which threads have answered.
#[derive(Default)]
struct Desk(Mutex<HashSet<ThreadId>>);

impl Service for Desk {
    type Session = ();
    type Permit = ();

    fn accept(&self, _: &SocketAddr) -> Option<()> {
        Some(())
    }

    fn call(&self, request: Request<Bytes>, cx: &Context<'_, Self>) -> Reply<()> {
        self.0.lock().unwrap().insert(thread::current().id());
        match request.uri().path() {
            "/" => Reply::Stream(StreamReply::new(Response::new(()), Filter::parse("/").unwrap(), ())),
            _ => Reply::Response(Response::new(cx.peer().addr.to_string().into())),
        }
    }

    fn refuse(&self, error: &RequestError, _: &Peer) -> Response<Bytes> {
        panic!("{error}");
    }

    fn closed(&self, (): (), _: StreamEnd) {}
}

fn path(name: &str) -> PathBuf {
    env::temp_dir().join(format!("sse-net-{}-{name}.sock", process::id()))
}

fn address(path: &Path) -> Address {
    format!("unix:{}", path.display()).parse().unwrap()
}

fn send(path: &Path, target: &str) -> UnixStream {
    let mut client = UnixStream::connect(path).unwrap();
    write!(client, "GET {target} HTTP/1.0\r\n\r\n").unwrap();
    client
}

#[test]
fn everyone_serves_at_one_file_until_all_have_ended() {
    let path = path("served");
    let hub = Hub::new(HubConfig::default());
    let workers = 3;
    let addresses = [address(&path), "127.0.0.1:0".parse().unwrap()];
    let listeners = Listeners::bind(&addresses, workers).unwrap();
    assert_eq!(listeners.addresses(), [address(&path), listeners.local_addrs()[0].into()]);
    let desk = Arc::new(Desk::default());
    let config = Config { workers, ..Config::default() };
    let running = Workers::spawn(listeners, hub.clone(), Arc::clone(&desk), config).unwrap();

    let mut answer = String::new();
    send(&path, "/who").read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("\r\n\r\n127.0.0.1:0"), "{answer}");

    // The first worker to ask takes a connection, so sooner or later each has one.
    let mut streams = Vec::new();
    wait_for("a stream on each worker", || {
        streams.push(send(&path, "/"));
        desk.0.lock().unwrap().len() == workers
    });
    wait_for("all streams", || running.handle().streams() == streams.len());
    // More than a socket takes at once: the rest waits for an edge.
    let large = "x".repeat(1 << 19);
    hub.publish(&Event::new("/a", &large)).unwrap();
    for stream in &mut streams {
        let mut text = Vec::new();
        while !text.ends_with(b"x\n\n") {
            let mut piece = [0; 64 << 10];
            let length = stream.read(&mut piece).unwrap();
            assert!(length > 0, "ended after {} bytes", text.len());
            text.extend_from_slice(&piece[..length]);
        }
        assert!(String::from_utf8(text).unwrap().contains(&format!("data:{large}\n\n")));
    }
    running.handle().shutdown();
    running.join().unwrap();
    assert!(!path.exists());
}

#[test]
fn addresses_that_are_never_served_leave_no_file() {
    let path = path("unserved");
    drop(Listeners::bind(&[address(&path)], 2).unwrap());
    assert!(!path.exists());
    let taken = [address(&path), address(&path)];
    assert_eq!(Listeners::bind(&taken, 1).unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    assert!(!path.exists());
}
