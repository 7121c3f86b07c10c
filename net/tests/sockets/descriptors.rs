//! Running out of descriptors. They are a whole process's, so the test runs alone, in one of its own.

use std::env;
use std::fs::File;
use std::iter;
use std::net::TcpStream;
use std::process::Command;

use socket2::{Domain, Socket, Type};

use crate::support::{Client, Server, wait_for};
use sse_net::Config;

/// Set in the process that has few descriptors.
const FEW: &str = "SSE_NET_FEW_DESCRIPTORS";

#[test]
fn a_lack_of_descriptors_is_waited_out() {
    if env::var_os(FEW).is_some() {
        return run_out_of_descriptors();
    }
    let this = "descriptors::a_lack_of_descriptors_is_waited_out";
    let output = Command::new("sh")
        .args(["-c", r#"ulimit -n 128 && exec "$0" --exact "$1""#])
        .arg(env::current_exe().unwrap())
        .arg(this)
        .env(FEW, "")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

fn run_out_of_descriptors() {
    let server = Server::start(Config::default());
    let sockets: Vec<_> = (0..10).map(|_| Socket::new(Domain::IPV4, Type::STREAM, None).unwrap()).collect();
    let rest: Vec<File> = iter::from_fn(|| File::open("/dev/null").ok()).collect();

    for socket in &sockets {
        socket.connect(&server.addr.into()).unwrap();
    }
    wait_for("the first try", || server.handle.counters().accept_errors > 0);
    assert_eq!(server.handle.counters().accepted, 0);

    // Those who wait cause no more edges.
    drop(rest);
    let waiting = sockets.into_iter().map(|socket| Client::new(TcpStream::from(socket)));
    // Nor is an edge passed over once all is well.
    for mut client in waiting.chain(iter::once_with(|| server.connect())) {
        client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
        assert_eq!(client.read_answer().1, "hi");
    }
    assert_eq!(server.handle.counters().accepted, 11);
}
