//! The house rules, held by a test. Each rule is a function of one file's path and text; below it stands the test that
//! applies it to the whole tree, and beside that one the proof that the rule can fail.
//!
//! What a lint can hold is left to the lints in `Cargo.toml`.

mod imports;
mod source;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::iter;
use std::path::Path;

use source::{code, lines_with, shipped};

/// A file of more lines is two nouns.
const MAX_LINES: usize = 600;

/// The one file that may be `unsafe`.
const UNSAFE_FILE: &str = "core/src/channels/segment.rs";

/// The one file of `core` that may block a thread and read the clock: its feature is for plain threads.
const BLOCKING_FILE: &str = "core/src/adapters/blocking.rs";
/// Where `core` may know of HTTP.
const CORE_HTTP_FOLDER: &str = "core/src/http/";

/// What may stand at the top besides dotfiles; `target` is cargo's.
const TOP: &[&str] = &[
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "benches",
    "core",
    "deny.toml",
    "docs",
    "fuzz",
    "net",
    "server",
    "target",
];

const RUNTIMES: &[&str] = &["async-std", "axum", "hyper", "smol", "tokio"];
const SOCKETS: &[&str] = &["mio", "socket2"];

/// What `core` and `net/src/proto` must not touch: they are handed bytes and the time.
const CLOCKS: &[&str] = &["Instant::now", "SystemTime::now"];

/// A line that breaks a rule, and how.
#[derive(Debug, PartialEq)]
struct Offence {
    line: usize,
    what: String,
}

type Rule = fn(path: &str, text: &str) -> Vec<Offence>;

// --- The rules ---------------------------------------------------------------------------------------------------

fn too_long(_path: &str, text: &str) -> Vec<Offence> {
    let lines = text.lines().count();
    offences((lines > MAX_LINES).then_some(lines), |lines| {
        format!("{lines} lines, at most {MAX_LINES}: which second noun lives here?")
    })
}

fn bare_allow(_path: &str, text: &str) -> Vec<Offence> {
    let code = code(text);
    let allows = |line: &(usize, &str)| {
        let dense: String = line.1.split_whitespace().collect();
        dense.contains("[allow(") || (dense.contains("cfg_attr(") && dense.contains(",allow("))
    };
    offences(numbered(&code).filter(allows).map(|(line, _)| line), |_| "`allow`: say `expect`, with a reason".into())
}

fn unsafe_elsewhere(path: &str, text: &str) -> Vec<Offence> {
    if path == UNSAFE_FILE {
        return Vec::new();
    }
    offences(lines_with(&code(text), "unsafe"), |_| format!("`unsafe` outside {UNSAFE_FILE}"))
}

/// `server → net → core`, never back, and no runtime beneath the server.
fn wrong_arrow(path: &str, text: &str) -> Vec<Offence> {
    let banned: Vec<&str> = match path {
        "core/Cargo.toml" => [&["sse-net", "sse-server"], SOCKETS, RUNTIMES].concat(),
        "net/Cargo.toml" => [&["sse-server"], RUNTIMES].concat(),
        _ => return Vec::new(),
    };
    dependencies(text)
        .filter(|(_, name)| banned.contains(&name.as_str()))
        .map(|(line, name)| Offence { line, what: format!("{path} must not depend on `{name}`") })
        .collect()
}

/// `core` starts no threads, opens no sockets, blocks no thread and reads no clock; the last two but in one file.
fn core_law(path: &str, text: &str) -> Vec<Offence> {
    if !path.starts_with("core/src/") || is_test(path) {
        return Vec::new();
    }
    let never = ["std::net", "thread::spawn", "thread::sleep", "thread::Builder"];
    let banned = match path {
        BLOCKING_FILE => never.to_vec(),
        _ => [CLOCKS, &never, &["thread::park", "thread::park_timeout"]].concat(),
    };
    mentions(text, &banned)
}

/// `core` knows of HTTP in one folder, which only its front page names.
fn core_http_law(path: &str, text: &str) -> Vec<Offence> {
    let is_core = path.starts_with("core/src/") && path != "core/src/lib.rs";
    if !is_core || path.starts_with(CORE_HTTP_FOLDER) || is_test(path) {
        return Vec::new();
    }
    mentions(text, &["http", "crate::http", "http_body", "percent_encoding", "tower_service"])
}

/// `proto` does no I/O and reads no clock.
fn proto_law(path: &str, text: &str) -> Vec<Offence> {
    if !path.starts_with("net/src/proto/") || is_test(path) {
        return Vec::new();
    }
    mentions(text, &[CLOCKS, SOCKETS, &["std::net"]].concat())
}

/// Every memory ordering is explained on its line, or above the statement (or run of such lines) it stands in.
fn silent_ordering(path: &str, text: &str) -> Vec<Offence> {
    if !(path.starts_with("core/src/") || path.starts_with("net/src/")) || is_test(path) {
        return Vec::new();
    }
    let shipped = shipped(text);
    let code: Vec<&str> = shipped.lines().collect();
    // Only comments tell the text from its code: strings in a line with an ordering would be odd.
    let explained: Vec<bool> = text.lines().map(|line| line.contains("//")).collect();
    let has_ordering = |line: &str| {
        ["Relaxed", "Acquire", "Release", "AcqRel", "SeqCst"]
            .iter()
            .any(|name| !lines_with(line, &format!("Ordering::{name}")).is_empty())
    };
    let goes_on = |&above: &usize| has_ordering(code[above]) || !code[above].trim_end().ends_with([';', '{', '}']);
    let is_silent = |&line: &usize| {
        let above = (0..line).rev().take_while(goes_on);
        has_ordering(code[line]) && !iter::once(line).chain(above).any(|line| explained[line])
    };
    offences((0..code.len()).filter(is_silent).map(|line| line + 1), |_| {
        "an ordering without its reason and partner".into()
    })
}

fn stranger(name: &str) -> bool {
    !name.starts_with('.') && !TOP.contains(&name)
}

// --- The rules' tools --------------------------------------------------------------------------------------------

fn offences(lines: impl IntoIterator<Item = usize>, what: impl Fn(usize) -> String) -> Vec<Offence> {
    let offence = |line| Offence { line, what: what(line) };
    lines.into_iter().map(offence).collect()
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines())
}

/// The paths named in shipped code that are, or lead into, one of `banned`.
fn mentions(text: &str, banned: &[&str]) -> Vec<Offence> {
    let code = shipped(text);
    let mut found: Vec<Offence> = Vec::new();
    let mut note = |line, name: &str| {
        if !found.iter().any(|known| known.line == line) {
            found.push(Offence { line, what: format!("`{name}` is not for here") });
        }
    };
    for import in imports::imports(&code) {
        for name in banned.iter().filter(|name| within(&import.path, name)) {
            note(import.line, name);
        }
    }
    for name in banned {
        for line in lines_with(&code, name) {
            note(line, name);
        }
    }
    found
}

/// Whether `path` is `outer` or beneath it.
fn within(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Test code may spawn, sleep and listen.
fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs")
}

/// The packages that a manifest depends on, under any of its dependency tables, with their lines.
fn dependencies(manifest: &str) -> impl Iterator<Item = (usize, String)> {
    let mut in_table = false;
    numbered(manifest).filter_map(move |(line, text)| {
        let text = text.split('#').next().unwrap_or_default().trim();
        if let Some(table) = text.strip_prefix('[') {
            let table = table.trim_end_matches(']');
            in_table = table.ends_with("dependencies");
            let named = table.rsplit_once("dependencies.");
            return named.map(|(_, name)| (line, name.to_owned()));
        }
        if let Some((_, renamed)) = text.split_once("package = \"") {
            return renamed.split('"').next().map(|name| (line, name.to_owned()));
        }
        let name = text.split(['=', '.', ' ']).next().unwrap_or_default();
        (in_table && !name.is_empty()).then(|| (line, name.to_owned()))
    })
}

/// Every file of the workspace whose name ends in `suffix`: (path from the top, text).
fn files(suffix: &str) -> Vec<(String, String)> {
    let top = top();
    let mut found = Vec::new();
    let mut open = vec![top.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).expect("a directory of ours is readable") {
            let path = entry.expect("a directory of ours is readable").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() {
                if !name.starts_with('.') && name != "target" && name != "node_modules" {
                    open.push(path);
                }
            } else if name.ends_with(suffix) {
                let text = fs::read_to_string(&path).expect("our files are UTF-8");
                let path = path.strip_prefix(top).expect("found beneath the top");
                found.push((path.to_string_lossy().into_owned(), text));
            }
        }
    }
    assert!(!found.is_empty(), "no *{suffix} beneath {}", top.display());
    found.sort();
    found
}

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the server is a member of a workspace")
}

/// Applies `rule` to every file of the tree.
#[track_caller]
fn hold(rule: Rule, suffix: &str) {
    let mut report = String::new();
    for (path, text) in files(suffix) {
        for Offence { line, what } in rule(&path, &text) {
            writeln!(report, "{path}:{line}: {what}").expect("a String takes what it is given");
        }
    }
    assert!(report.is_empty(), "\n{report}");
}

/// The lines that `rule` finds in `text`.
fn lines(rule: Rule, path: &str, text: &str) -> Vec<usize> {
    rule(path, text).into_iter().map(|offence| offence.line).collect()
}

// --- The tree, and the proof that each rule can fail -------------------------------------------------------------

#[test]
fn files_are_short() {
    hold(too_long, ".rs");
}

#[test]
fn a_long_file_is_seen() {
    assert_eq!(lines(too_long, "a.rs", &"\n".repeat(600)), [0; 0]);
    assert_eq!(lines(too_long, "a.rs", &"\n".repeat(601)), [601]);
}

#[test]
fn exceptions_are_expected_not_allowed() {
    hold(bare_allow, ".rs");
}

#[test]
fn an_allow_is_seen() {
    let text = "// #[allow(x)]\n#[expect(dead_code)]\n#![allow(dead_code)]\n#[cfg_attr(a, allow(b))]\nfn allow() {}";
    assert_eq!(lines(bare_allow, "a.rs", text), [3, 4]);
}

#[test]
fn one_file_is_unsafe() {
    hold(unsafe_elsewhere, ".rs");
}

#[test]
fn unsafe_code_is_seen() {
    let text = "// unsafe {\nunsafe { x() }\nunsafe impl Send for X {}\nlet unsafe_code = \"unsafe\";";
    assert_eq!(lines(unsafe_elsewhere, "core/src/log.rs", text), [2, 3]);
    assert_eq!(lines(unsafe_elsewhere, UNSAFE_FILE, text), [0; 0]);
}

#[test]
fn arrows_point_down() {
    hold(wrong_arrow, "Cargo.toml");
}

#[test]
fn an_arrow_upwards_is_seen() {
    let text = "[package]\nmio = 1\n[dependencies]\nmio.workspace = true\nm = { package = \"tokio\" }\nslab = \"1\"\n\
                [target.'cfg(unix)'.dev-dependencies.sse-net]\npath = \"../net\"\n";
    assert_eq!(lines(wrong_arrow, "core/Cargo.toml", text), [4, 5, 7]);
    assert_eq!(lines(wrong_arrow, "net/Cargo.toml", text), [5]);
    assert_eq!(lines(wrong_arrow, "server/Cargo.toml", text), [0; 0]);
}

#[test]
fn core_has_no_threads_sockets_or_clock() {
    hold(core_law, ".rs");
}

#[test]
fn a_thread_in_core_is_seen() {
    let text = "use std::{io, net::TcpStream};\nlet now = Instant::now();\nstd::thread::spawn(f);\n\
                #[cfg(test)]\nmod tests {\n    fn f() { thread::sleep(D); }\n}\nlet then = SystemTime::now();";
    assert_eq!(lines(core_law, "core/src/hub.rs", text), [1, 2, 8, 3]);
    assert_eq!(lines(core_law, BLOCKING_FILE, text), [1, 3]);
    assert_eq!(lines(core_law, "core/src/hub.rs", "thread::park();\nstd::thread::park_timeout(D);"), [1, 2]);
    assert_eq!(lines(core_law, "core/src/hub/tests.rs", text), [0; 0]);
    assert_eq!(lines(core_law, "net/src/worker.rs", text), [0; 0]);
}

#[test]
fn core_knows_http_in_one_folder() {
    hold(core_http_law, ".rs");
}

#[test]
fn http_elsewhere_in_core_is_seen() {
    let text = "use http::HeaderMap;\n/// [`http`](crate::http)\nfn f(_: &http::Uri) {}\nuse crate::http::Path;\n\
                struct S(crate::http::Query);\nimpl http_body::Body for S {}\nlet https = 1;";
    assert_eq!(lines(core_http_law, "core/src/hub.rs", text), [1, 4, 5, 3, 6]);
    for elsewhere in ["core/src/http/path.rs", "core/src/lib.rs", "core/tests/service.rs", "net/src/reply.rs"] {
        assert_eq!(lines(core_http_law, elsewhere, text), [0; 0]);
    }
}

#[test]
fn proto_has_no_io_and_no_clock() {
    hold(proto_law, ".rs");
}

#[test]
fn a_socket_in_proto_is_seen() {
    let text = "use mio::net::TcpStream;\nuse std::time::Instant;\nfn at(now: Instant) {}\nInstant::now();\nsocket2::Socket::new()";
    assert_eq!(lines(proto_law, "net/src/proto/head.rs", text), [1, 4, 5]);
    assert_eq!(lines(proto_law, "net/src/worker.rs", text), [0; 0]);
}

#[test]
fn orderings_are_explained() {
    hold(silent_ordering, ".rs");
}

#[test]
fn a_silent_ordering_is_seen() {
    let text = "a.load(Ordering::Acquire); // pairs with b\n\
                x();\n\
                a.load(Ordering::Acquire);\n\
                // Relaxed: statistics.\n\
                a.fetch_add(1, Ordering::Relaxed);\n\
                b.fetch_add(1, Ordering::Relaxed);\n\
                x(); // not about what follows\n\
                a.swap(\n    1,\n    Ordering::AcqRel,\n);\n\
                cmp::Ordering::Less;";
    assert_eq!(lines(silent_ordering, "core/src/hub.rs", text), [3, 10]);
    assert_eq!(lines(silent_ordering, "server/src/lib.rs", text), [0; 0]);
}

#[test]
fn the_top_is_as_laid_out() {
    let entries = fs::read_dir(top()).expect("the top is readable");
    let names = entries.map(|entry| entry.expect("the top is readable").file_name());
    let strangers: Vec<_> = names.filter(|name| stranger(&name.to_string_lossy())).collect();
    assert!(strangers.is_empty(), "not in the layout: {strangers:?}");
}

#[test]
fn a_stranger_at_the_top_is_seen() {
    assert!(stranger("scripts") && stranger("NOTES.md"));
    assert!(!stranger("core") && !stranger(".ci"));
}

#[test]
fn imports_have_no_cycles() {
    let files = files(".rs");
    for krate in ["core/src/", "net/src/", "server/src/"] {
        let of_crate = |(path, text): &(String, String)| {
            let module = path.strip_prefix(krate)?;
            (!is_test(path)).then(|| (module.to_owned(), shipped(text)))
        };
        let modules: Vec<_> = files.iter().filter_map(of_crate).collect();
        assert!(!modules.is_empty(), "nothing in {krate}");
        if let Some(cycle) = imports::cycle(&modules) {
            panic!("{krate}: {cycle}");
        }
    }
}

/// `core`'s folders are floors: what is on one knows only of those below.
#[test]
fn the_folders_of_core_have_no_cycles() {
    let mut folders = BTreeMap::<String, String>::new();
    for (path, text) in files(".rs").iter().filter(|(path, _)| !is_test(path)) {
        let Some((folder, _)) = path.strip_prefix("core/src/").and_then(|path| path.split_once('/')) else { continue };
        folders.entry(format!("{folder}.rs")).or_default().push_str(&shipped(text));
    }
    assert!(folders.len() > 5, "core's folders: {:?}", folders.keys());
    let folders: Vec<_> = folders.into_iter().collect();
    if let Some(cycle) = imports::cycle(&folders) {
        panic!("core/src: {cycle}");
    }
}
