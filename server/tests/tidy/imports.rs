//! What each module of a crate imports, and whether the arrows ever come back.
//!
//! `lib.rs` and `mod.rs` are façades: what they re-export is looked up, so that `use crate::Name` is an arrow to the
//! module that owns the name, and the re-exports themselves are no arrows.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{is_word, line_of};

/// One path that a file imports or names, with its `{}` groups taken apart.
#[derive(Debug, PartialEq)]
pub(crate) struct Import {
    pub(crate) line: usize,
    /// As written: `crate::log::Log`, `super::*`, `std::io`.
    pub(crate) path: String,
    /// The name it gets here.
    name: String,
    /// `pub use`, `pub(crate) use`, …
    reexport: bool,
}

/// Every `use`, and every other path that begins with `crate` or `super`.
pub(crate) fn imports(code: &str) -> Vec<Import> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < code.len() {
        let rest = &code[at..];
        let word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (tree, reexport) = match &rest[..word] {
            "use" => (&rest[word..rest.find(';').unwrap_or(rest.len())], is_public(&code[..at])),
            "crate" | "super" if rest[word..].starts_with("::") => {
                (&rest[..rest.find(|c| !is_word(c) && c != ':').unwrap_or(rest.len())], false)
            }
            _ => {
                at += word.max(1);
                continue;
            }
        };
        let line = line_of(code, at);
        at += rest[..word].len() + tree.len();
        let mut names = Vec::new();
        expand("", tree, &mut names);
        found.extend(names.into_iter().map(|(path, name)| Import { line, path, name, reexport }));
    }
    found
}

/// A way through `files` (path beneath `src/`, shipped code) that comes back to where it began, as a sentence.
pub(crate) fn cycle(files: &[(String, String)]) -> Option<String> {
    let krate = Crate::new(files);
    let arrows: BTreeMap<&str, BTreeSet<String>> =
        krate.modules.iter().map(|(module, imports)| (module.as_str(), krate.arrows(module, imports))).collect();
    let mut done = BTreeSet::new();
    let mut trail = Vec::new();
    arrows.keys().find_map(|start| walk(start, &arrows, &mut trail, &mut done))
}

/// Depth first from `module`; a module met again on the trail closes a cycle.
fn walk(
    module: &str,
    arrows: &BTreeMap<&str, BTreeSet<String>>,
    trail: &mut Vec<String>,
    done: &mut BTreeSet<String>,
) -> Option<String> {
    if let Some(start) = trail.iter().position(|seen| seen == module) {
        return Some(format!("{} → {module}", trail[start..].join(" → ")));
    }
    if done.contains(module) {
        return None;
    }
    trail.push(module.to_owned());
    let found = arrows[module].iter().find_map(|next| walk(next, arrows, trail, done));
    trail.pop();
    done.insert(module.to_owned());
    found
}

struct Crate {
    /// By path within the crate (`proto::head`; the root is empty): what its file imports.
    modules: BTreeMap<String, Vec<Import>>,
    /// The modules whose file is `lib.rs` or `mod.rs`.
    facades: BTreeSet<String>,
}

impl Crate {
    fn new(files: &[(String, String)]) -> Crate {
        let mut modules = BTreeMap::new();
        let mut facades = BTreeSet::new();
        for (file, code) in files.iter().filter(|(file, _)| file != "main.rs") {
            let path = file.trim_end_matches(".rs").replace('/', "::");
            let facade = match path.as_str() {
                "lib" => Some(""),
                path => path.strip_suffix("::mod"),
            };
            facades.extend(facade.map(str::to_owned));
            modules.insert(facade.unwrap_or(&path).to_owned(), imports(code));
        }
        Crate { modules, facades }
    }

    fn arrows(&self, module: &str, imports: &[Import]) -> BTreeSet<String> {
        let facade = self.facades.contains(module);
        imports
            .iter()
            .filter(|import| !(facade && import.reexport))
            .filter_map(|import| self.owner(module, &import.path))
            .filter(|owner| owner != module && !owner.is_empty() && !module.is_empty())
            .collect()
    }

    /// The module of this crate that owns what `path` names in `module`; none if it is another crate's.
    fn owner(&self, module: &str, path: &str) -> Option<String> {
        let mut at = module.to_owned();
        let mut segments = path.split("::").peekable();
        match *segments.peek()? {
            "crate" => at.clear(),
            "super" | "self" => {}
            first if self.modules.contains_key(&join(module, first)) => {}
            _ => return None,
        }
        for segment in segments {
            match segment {
                "crate" | "self" => {}
                "super" => at.truncate(at.rfind("::").unwrap_or(0)),
                child if self.modules.contains_key(&join(&at, child)) => at = join(&at, child),
                name => return Some(self.reexported(&at, name).unwrap_or(at)),
            }
        }
        Some(at)
    }

    /// Where façade `module` has `name` from.
    fn reexported(&self, module: &str, name: &str) -> Option<String> {
        let exports = |import: &&Import| import.reexport && import.name == name;
        let import = self.modules.get(module)?.iter().find(exports)?;
        self.facades.contains(module).then(|| self.owner(module, &import.path))?
    }
}

fn join(module: &str, child: &str) -> String {
    if module.is_empty() { child.to_owned() } else { format!("{module}::{child}") }
}

/// Whether the item whose keyword comes next is `pub`, or `pub(…)`.
fn is_public(before: &str) -> bool {
    let before = before.trim_end();
    let start = before.rfind(['\n', ';', '}']).map_or(0, |at| at + 1);
    before[start..].trim_start().starts_with("pub")
}

/// Takes `a::{b, c::{d as e}}` apart: `a::b`, `a::c::d`, each with the name it is imported as.
fn expand(prefix: &str, tree: &str, found: &mut Vec<(String, String)>) {
    let tree = tree.trim();
    if let Some((head, group)) = tree.split_once('{') {
        let prefix = format!("{prefix}{}", head.trim());
        let group = group.trim_end_matches(|c: char| c.is_whitespace() || c == ';');
        for part in top_level_parts(group.strip_suffix('}').unwrap_or(group)) {
            expand(&prefix, part, found);
        }
        return;
    }
    if tree.is_empty() {
        return;
    }
    let (path, alias) = tree.split_once(" as ").unwrap_or((tree, ""));
    let path = format!("{prefix}{}", path.trim());
    let last = path.trim_end_matches("::self").rsplit("::").next().unwrap_or_default();
    let name = if alias.is_empty() { last } else { alias.trim() };
    let name = name.to_owned();
    found.push((path, name));
}

/// Splits at the commas that stand in no braces.
fn top_level_parts(group: &str) -> Vec<&str> {
    let mut depth = 0;
    group
        .split(|c| {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            c == ',' && depth == 0
        })
        .collect()
}

#[test]
fn groups_are_taken_apart() {
    let code =
        "use std::{io, net::{self, TcpStream as T}};\npub(crate) use crate::log::Log;\nfn f() { crate::hub::go() }";
    let paths: Vec<_> =
        imports(code).into_iter().map(|import| (import.line, import.path, import.name, import.reexport)).collect();
    let expected = [
        (1, "std::io", "io", false),
        (1, "std::net::self", "net", false),
        (1, "std::net::TcpStream", "T", false),
        (2, "crate::log::Log", "Log", true),
        (3, "crate::hub::go", "go", false),
    ];
    let expected = expected.map(|(line, path, name, public)| (line, path.to_owned(), name.to_owned(), public));
    assert_eq!(paths, expected);
}

#[test]
fn a_cycle_is_seen() {
    let cycle_in = |files: &[(&str, &str)]| {
        let files: Vec<_> = files.iter().map(|(path, code)| (path.to_string(), code.to_string())).collect();
        cycle(&files)
    };
    let lib = ("lib.rs", "mod a; mod b; pub use a::A; pub use b::{B, C as D};");
    let downwards = [lib, ("a.rs", "use crate::b::B; use std::io;"), ("b.rs", "use crate::E;")];
    assert_eq!(cycle_in(&downwards), None);
    let direct = [lib, ("a.rs", "use crate::b::B;"), ("b.rs", "use super::a::A;")];
    assert_eq!(cycle_in(&direct).as_deref(), Some("a → b → a"));
    let through_lib = [lib, ("a.rs", "use crate::D;"), ("b.rs", "use crate::{A, E};")];
    assert_eq!(cycle_in(&through_lib).as_deref(), Some("a → b → a"));

    let facade = ("p/mod.rs", "mod x; mod y; pub(crate) use x::X;");
    let downwards = [facade, ("p/x.rs", "use super::y::Y;"), ("p/y.rs", ""), ("q.rs", "use crate::p::X;")];
    assert_eq!(cycle_in(&downwards), None);
    let through_child = [facade, ("p/x.rs", "use super::y::Y;"), ("p/y.rs", "fn f() -> super::X {}")];
    assert_eq!(cycle_in(&through_child).as_deref(), Some("p::x → p::y → p::x"));
    let nested = [("a.rs", "mod b; use b::B;"), ("a/b.rs", "use super::A;")];
    assert_eq!(cycle_in(&nested).as_deref(), Some("a → a::b → a"));
}
