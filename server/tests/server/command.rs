//! The `sse-server` command.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::process::Signal;

use crate::process::Process;
use crate::support::{Stream, eventually, get, request};

const PROGRAM: &str = env!("CARGO_BIN_EXE_sse-server");

fn run(args: &[&str], env: &[(&str, &str)]) -> Output {
    Command::new(PROGRAM).args(args).envs(env.iter().copied()).output().unwrap()
}

fn start(args: &[&str]) -> Process {
    Process::start(Path::new(PROGRAM), &[&["--listen", "127.0.0.1:0"], args].concat(), &[])
}

/// Streams then carry events and nothing else.
const BARE: [&str; 4] = ["--history-bytes", "0", "--retry", "0"];

#[test]
fn help_explains_every_flag_with_its_default() {
    let output = run(&["--help"], &[]);
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    for (flag, default) in [
        ("--listen <ADDR>", "127.0.0.1:8001"),
        ("--workers <N>", "the cores it may run on"),
        ("--prefix <PATH>", "/subscribe"),
        ("--keepalive <DURATION>", "15s"),
        ("--flush-interval <DURATION>", "0"),
        ("--history-bytes <SIZE>", "32MiB"),
        ("--history-age <DURATION>", "10m"),
        ("--max-lag <SIZE>", "1MiB"),
        ("--slow-consumer <POLICY>", "disconnect"),
        ("--retry <DURATION>", "2s"),
        ("--max-connections <N>", "what the file-descriptor limit allows, less a reserve"),
        ("--max-connections-per-ip <N>", "no limit"),
        ("--max-body <SIZE>", "1MiB"),
        ("--head-timeout <DURATION>", "10s"),
        ("--body-timeout <DURATION>", "60s"),
        ("--idle-timeout <DURATION>", "90s"),
        ("--stall-timeout <DURATION>", "10s"),
        ("--cors-origin <ORIGIN>", "*"),
        ("--cors-method <METHOD>", "GET,OPTIONS"),
        ("--cors-header <HEADER>", "Content-Type,Authorization,Cache-Control"),
        ("--cors-max-age <DURATION>", "left to them"),
        ("--trust-proxy <CIDR>", "none"),
        ("--log-format <FORMAT>", "text"),
        ("--drain <DURATION>", "8s"),
    ] {
        let (_, rest) = help.split_once(&format!("{flag}\n")).unwrap_or_else(|| panic!("{flag} is missing: {help}"));
        let own = rest.split("\n      --").next().unwrap();
        assert!(own.contains(&format!("[default: {default}]")), "{flag}: {own}");
        let name = flag[2..].split(' ').next().unwrap().replace('-', "_").to_uppercase();
        assert!(own.contains(&format!("[env: SSE_{name}=]")), "{flag}: {own}");
    }
    for switch in ["--no-admin", "--no-publish", "--debug"] {
        assert!(help.contains(&format!("{switch}\n")), "{switch}");
    }
    let version = run(&["--version"], &[]);
    assert_eq!(String::from_utf8(version.stdout).unwrap(), concat!("sse-server ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn a_bad_value_names_its_flag_and_exits_with_2() {
    for (args, env, named) in [
        (&["--keepalive", "soon"][..], ("SSE_X", ""), "--keepalive"),
        (&["--cors-origin", "example.com"][..], ("SSE_X", ""), "--cors-origin"),
        (&["--trust-proxy", "all"][..], ("SSE_X", ""), "--trust-proxy"),
        (&["--prefix", "/admin"][..], ("SSE_X", ""), "--prefix"),
        (&["--history-bytes", "lots"][..], ("SSE_X", ""), "--history-bytes"),
        (&["--slow-consumer", "/time=sometimes"][..], ("SSE_X", ""), "--slow-consumer"),
        (&["--slow-consumer", "/a=skip", "--slow-consumer", "/a=disconnect"][..], ("SSE_X", ""), "--slow-consumer"),
        (&[][..], ("SSE_SLOW_CONSUMER", "skip,disconnect"), "--slow-consumer"),
        (&[][..], ("SSE_RETRY", "soon"), "--retry"),
        (&["--workers", "0"][..], ("SSE_X", ""), "--workers"),
        (&["--head-timeout", "0"][..], ("SSE_X", ""), "--head-timeout"),
        (&[][..], ("SSE_IDLE_TIMEOUT", "soon"), "--idle-timeout"),
        (&["--surprise"][..], ("SSE_X", ""), "--surprise"),
        (&[][..], ("SSE_MAX_LAG", "much"), "--max-lag"),
        (&[][..], ("SSE_CORS_ORIGIN", "https://a.example,b"), "--cors-origin"),
    ] {
        let output = run(args, &[env]);
        assert_eq!(output.status.code(), Some(2), "{named}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.starts_with("error: ") && error.contains(named), "{named}: {error}");
    }
}

#[test]
fn the_environment_sets_what_flags_do_not() {
    let env = [
        ("SSE_LISTEN", "127.0.0.1:0,127.0.0.1:0"),
        ("SSE_PREFIX", "/from-env"),
        ("SSE_NO_ADMIN", "1"),
        ("SSE_NO_PUBLISH", "false"),
        ("SSE_CORS_ORIGIN", "https://a.example,https://b.example"),
    ];
    let server = Process::start(Path::new(PROGRAM), &[], &env);
    assert!(server.next_line().contains("listening on http://127.0.0.1:"), "the second address");
    assert_eq!(get(server.address, "/admin/").status, 403);
    assert_eq!(request(server.address, "POST", "/publish/a", &[], "x").status, 200);
    let stream = Stream::open(server.address, "/from-env/a", &["Origin: https://b.example"]);
    assert_eq!(stream.head.header("access-control-allow-origin"), Some("https://b.example"));

    let server = Process::start(Path::new(PROGRAM), &["--listen", "127.0.0.1:0", "--prefix", "/from-flag"], &env);
    assert_eq!(Stream::open(server.address, "/from-flag/a", &[]).head.status, 200);
    assert_eq!(get(server.address, "/from-env/a").status, 404);
}

#[test]
fn an_address_may_be_a_name_or_all_there_are() {
    for listen in ["localhost:0", ":0"] {
        let server = Process::start(Path::new(PROGRAM), &["--listen", listen], &[]);
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], server.address.port()));
        assert_eq!(get(address, "/healthz").status, 200, "{listen}");
        if std::net::TcpListener::bind("[::1]:0").is_ok() {
            assert!(server.next_line().contains("listening on http://[::"), "{listen}");
            let address = (std::net::Ipv6Addr::LOCALHOST, server.address.port()).into();
            assert_eq!(get(address, "/healthz").status, 200, "{listen}");
        }
    }
}

/// As a proxy on the same machine would use it.
#[cfg(unix)]
#[test]
fn a_socket_in_the_file_system_is_served_and_removed() {
    use std::io::{Read, Write};

    let path = std::env::temp_dir().join(format!("sse-server-{}.sock", std::process::id()));
    let listen = format!("unix:{}", path.display());
    let server = start(&["--listen", &listen, "--trust-proxy", "127.0.0.1", "--drain", "1ms"]);
    assert!(server.next_line().contains(&format!("listening on {listen}")));
    let ask = |target: &str| {
        let mut client = std::os::unix::net::UnixStream::connect(&path).unwrap();
        write!(client, "GET {target} HTTP/1.0\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n").unwrap();
        client
    };
    let _stream = ask("/subscribe/a");
    assert!(server.next_line().contains("client=203.0.113.9"), "as the proxy said");
    let mut health = String::new();
    ask("/health").read_to_string(&mut health).unwrap();
    assert!(health.ends_with("Active connections: 1"), "{health}");

    let second = run(&["--listen", &listen], &[]);
    assert!(String::from_utf8(second.stderr).unwrap().contains(&listen));
    server.signal(Signal::TERM);
    assert!(server.wait().success());
    assert!(!path.exists());
}

#[test]
fn an_address_in_use_is_named() {
    let first = start(&[]);
    // Bound without SO_REUSEPORT, so that no server can join.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = run(&["--listen", &address], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains(&address));
    assert_eq!(get(first.address, "/healthz").status, 200);
}

#[test]
fn it_serves_what_curl_would_ask() {
    let serve = |args: &[&str]| {
        let server = start(args);
        let stream = Stream::open(server.address, "/subscribe/pets", &[]);
        let form = ["Content-Type: application/x-www-form-urlencoded"];
        let published = request(server.address, "POST", "/publish/pets/dogs?event=new-dog", &form, "Corgi");
        assert_eq!(published.status, 200);
        (server, stream, published.json()["id"].as_str().unwrap().to_owned())
    };
    let (_server, mut stream, _) = serve(&BARE);
    stream.expect("event:new-dog\ndata:Corgi\n\n");

    let (_server, mut stream, id) = serve(&[]);
    let (epoch, _) = id.split_once('-').unwrap();
    let opening = stream.frame();
    assert!(opening.starts_with("retry:") && opening.ends_with(&format!("\nid:{epoch}-0")), "{opening}");
    stream.expect(&format!("event:new-dog\ndata:Corgi\nid:{id}\n\n"));
}

#[test]
fn the_log_tells_who_came_and_went() {
    let server = start(&["--log-format", "json"]);
    let first: serde_json::Value = serde_json::from_str(&server.line).unwrap();
    assert_eq!(first["message"], format!("listening on http://{}", server.address));
    let address = server.address;
    let line = || -> serde_json::Value { serde_json::from_str(&server.next_line()).unwrap() };

    let stream = Stream::open(address, "/subscribe/a", &["User-Agent: test"]);
    let connected = line();
    assert_eq!(connected["message"], "connected");
    assert_eq!(connected["client"], "127.0.0.1");
    assert_eq!(connected["namespace"], "/a");
    assert_eq!(connected["agent"], "test");
    drop(stream);
    let disconnected = line();
    assert_eq!(disconnected["message"], "disconnected");
    assert_eq!(disconnected["reason"], "closed by the client");
    assert_eq!(disconnected["sent"], 0);
    assert!(disconnected["seconds"].is_number());
}

#[test]
fn a_signal_drains_and_exits_with_success() {
    let server = start(&[&["--drain", "1ms"][..], &BARE].concat());
    let stream = Stream::open(server.address, "/subscribe/a", &[]);
    server.signal(Signal::TERM);
    assert_eq!(stream.rest(), "");
    assert!(server.wait().success());
}

/// Those who run containers kill what is late: neither streams nor a body that never comes hold the end up.
#[test]
fn a_drain_waits_for_nobody() {
    let server = start(&["--drain", "500ms", "--body-timeout", "720h"]);
    let _streams: Vec<_> = (0..20).map(|_| Stream::open(server.address, "/subscribe/a", &[])).collect();
    let mut late = TcpStream::connect(server.address).unwrap();
    late.write_all(b"POST /publish/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nx").unwrap();
    eventually(|| (get(server.address, "/health").body == "Active connections: 20").then_some(()));
    server.signal(Signal::TERM);
    assert!(server.wait().success());
}

#[test]
fn a_second_signal_ends_at_once() {
    // One worker: another without streams would be gone at once, and with it who is on the way to it.
    let server = start(&[&["--drain", "720h", "--workers", "1"][..], &BARE].concat());
    let stream = Stream::open(server.address, "/subscribe/a", &[]);
    server.signal(Signal::INT);
    eventually(|| (get(server.address, "/readyz").status == 503).then_some(()));
    server.signal(Signal::INT);
    assert_eq!(stream.rest(), "");
    assert!(server.wait().success());
}

#[test]
fn the_log_shows_what_strangers_write_as_it_is_and_not_all_of_it() {
    let long = ["%C3%A9".repeat(100).as_str(); 3].join("/");
    let target = format!("/subscribe?namespace=/a&namespace=/%E2%80%AE/%E2%80%A8/{long}");
    let agent = format!("User-Agent: \u{9b}2J\u{202e}\u{ad} {}", "x".repeat(300));
    for format in ["text", "json"] {
        let server = start(&["--log-format", format]);
        let _stream = Stream::open(server.address, &target, &[&agent]);
        let line = server.next_line();
        assert!(line.contains("connected") && line.len() < 1500, "{line}");
        let shows = |c: char| !c.is_control() && !['\u{202e}', '\u{2028}', '\u{ad}'].contains(&c);
        assert!(line.chars().all(shows), "{line:?}");
        let escaped = if format == "json" { "\\u202e" } else { "\\u{202e}" };
        assert!(line.matches(escaped).count() == 2 && line.matches('…').count() == 1, "{line}");
    }
}

#[test]
fn a_crowd_that_comes_and_goes_is_counted_and_not_listed() {
    let server = start(&["--log-format", "json"]);
    let streams = 2000;
    for _ in 0..streams {
        drop(Stream::open(server.address, "/subscribe/a", &[]));
    }
    // The rest is told when the server ends, at the latest.
    server.signal(Signal::TERM);
    let (mut listed, mut left_out) = (0, 0);
    while listed + left_out < 2 * streams {
        let line: serde_json::Value = serde_json::from_str(&server.next_line()).unwrap();
        match line["message"].as_str().unwrap() {
            "connected" | "disconnected" => listed += 1,
            _ => left_out += line["left_out"].as_u64().unwrap_or_default(),
        }
    }
    assert_eq!(listed + left_out, 2 * streams);
    assert!((1000..2500).contains(&listed), "{listed}");
}

/// A collector of logs that pauses, or dies, is not the streams' concern.
#[test]
fn a_log_that_nobody_reads_stops_no_one() {
    let mut command = Command::new(PROGRAM);
    let mut child = command.args(["--listen", "127.0.0.1:0"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    log.read_line(&mut line).unwrap();
    let address = line.trim_end().split_once("http://").unwrap().1.parse().unwrap();
    let agent = format!("User-Agent: {}", "x".repeat(200));
    // More lines than a pipe holds.
    let come_and_go = || (0..400).for_each(|_| drop(Stream::open(address, "/subscribe/a", &[&agent])));
    come_and_go();
    assert_eq!(get(address, "/healthz").status, 200);
    drop(log);
    come_and_go();
    assert_eq!(get(address, "/healthz").status, 200);
    child.kill().unwrap();
    child.wait().unwrap();
}
