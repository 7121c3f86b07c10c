//! The page in which browsers listen: served to them, and what it posts is what they say.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{self, Command};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;
use std::{fs, thread};

use super::trial::{Lines, TYPES};
use crate::browser::Browser;
use crate::process::Process;
use crate::tools::present;

/// A browser with the page, which ends when it is dropped.
pub(crate) struct Page {
    lines: Receiver<String>,
    _browser: Running,
}

impl Lines for Page {
    fn next_within(&mut self, patience: Duration) -> Option<String> {
        self.lines.recv_timeout(patience).ok()
    }
}

impl Page {
    pub(crate) fn chromium(stream: &str) -> Option<Page> {
        let browser = Browser::start()?;
        let (address, lines) = serve();
        browser.go(&page(address, stream));
        Some(Page { lines, _browser: Running::Driven(browser) })
    }

    pub(crate) fn firefox(stream: &str) -> Option<Page> {
        if !present("Firefox", Command::new("firefox-esr").arg("--version")) {
            return None;
        }
        let profile = Profile::new("firefox");
        let (address, lines) = serve();
        let mut command = Command::new("firefox-esr");
        command.env("HOME", &profile.0).args(["--headless", "--no-remote", "--profile"]).arg(&profile.0);
        let process = Process::read_stdout(command.arg(page(address, stream)));
        Some(Page { lines, _browser: Running::Started(vec![process], profile) })
    }

    /// WebKitGTK's little browser, on a screen that nobody sees.
    pub(crate) fn webkit(stream: &str) -> Option<Page> {
        let browser = webkit()?;
        if !present("Xvfb", Command::new("Xvfb").arg("-help")) {
            return None;
        }
        let profile = Profile::new("webkit");
        let (address, lines) = serve();
        let mut screen = Process::read_stdout(Command::new("Xvfb").args(["-displayfd", "1", "-nolisten", "tcp"]));
        let display = format!(":{}", screen.line().trim_end());
        let mut command = Command::new(browser);
        command.env("DISPLAY", display).env("HOME", &profile.0).env("WEBKIT_DISABLE_COMPOSITING_MODE", "1");
        let process = Process::read_stdout(command.arg(page(address, stream)));
        Some(Page { lines, _browser: Running::Started(vec![process, screen], profile) })
    }
}

/// Where Debian has it: beside its library, once for each version of GTK.
fn webkit() -> Option<PathBuf> {
    let within = |path: PathBuf| fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_webkit =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("webkit2gtk-"));
    let mut browsers =
        within("/usr/lib".into()).flat_map(within).filter(is_webkit).map(|directory| directory.join("MiniBrowser"));
    browsers.find(|browser| browser.exists())
}

/// What is held while the page is to live, and ends in this order.
enum Running {
    Driven(#[expect(dead_code, reason = "held")] Browser),
    Started(#[expect(dead_code, reason = "held")] Vec<Process>, #[expect(dead_code, reason = "held")] Profile),
}

/// A directory for a browser's files.
struct Profile(PathBuf);

impl Profile {
    fn new(browser: &str) -> Profile {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{browser}-{}", process::id()));
        fs::create_dir_all(&path).expect("target/ is writable");
        Profile(path)
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn page(address: SocketAddr, stream: &str) -> String {
    let stream = stream.replace('?', "%3F").replace('&', "%26");
    let types: String = TYPES.iter().map(|kind| format!("&type={kind}")).collect();
    format!("http://{address}/?url={stream}{types}")
}

/// Serves the page, and gives what is posted. Its threads end with the process.
fn serve() -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the system has a port left");
    let address = listener.local_addr().expect("it is bound");
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let sender = sender.clone();
            // A browser may open connections that it doesn't use yet.
            thread::spawn(move || answer(connection, &sender));
        }
    });
    (address, lines)
}

fn answer(connection: TcpStream, lines: &Sender<String>) -> io::Result<()> {
    let mut connection = BufReader::new(connection);
    let (mut head, mut length) = (String::new(), 0);
    while !head.ends_with("\r\n\r\n") {
        let start = head.len();
        if connection.read_line(&mut head)? == 0 {
            return Ok(());
        }
        if let Some((name, value)) = head[start..].split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = String::new();
    connection.by_ref().take(length).read_to_string(&mut body)?;
    for line in body.lines() {
        // Shown if the test fails.
        eprintln!("{line:.400}");
        // Nobody may listen any more.
        let _ = lines.send(line.to_owned());
    }
    let (status, page) = match &head {
        head if head.starts_with("GET /?") => ("200 OK", include_str!("../programs/browser/listen.html")),
        head if head.starts_with("POST ") => ("200 OK", ""),
        _ => ("404 Not Found", ""),
    };
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {}\r\n", page.len());
    write!(connection.get_mut(), "{head}Connection: close\r\n\r\n{page}")
}
