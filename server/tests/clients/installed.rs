//! Clients from package registries, each at a pinned version, installed once beneath `target/clients/`.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::OnceLock;

use crate::tools::{present, target};

/// Programs and the packages that they need.
pub(crate) struct Kit {
    name: &'static str,
    files: &'static [(&'static str, &'static str)],
    /// Whether the machine has what installs and runs them.
    usable: fn() -> bool,
    install: fn(&Path),
    home: OnceLock<Option<PathBuf>>,
}

/// `listen.mjs` and npm's packages.
pub(crate) static NODE: Kit = Kit::new(
    "node",
    &[
        ("package.json", include_str!("programs/node/package.json")),
        ("package-lock.json", include_str!("programs/node/package-lock.json")),
        ("listen.mjs", include_str!("programs/node/listen.mjs")),
    ],
    || {
        present("Node 20.18 with npm", Command::new("npm").arg("--version"))
            && present("Node 20.18", Command::new("node").args(["--experimental-eventsource", "-e", "0"]))
    },
    |home| run(Command::new("npm").args(["ci", "--silent", "--no-audit", "--no-fund"]).current_dir(home)),
);

/// `listen.py` and, in `bin/python`, PyPI's packages.
pub(crate) static PYTHON: Kit = Kit::new(
    "python",
    &[
        ("requirements.txt", include_str!("programs/python/requirements.txt")),
        ("listen.py", include_str!("programs/python/listen.py")),
    ],
    has_python,
    install_python,
);

/// The same with others, one of which has the name of one of the former.
pub(crate) static PYTHON_LIBRARIES: Kit = Kit::new(
    "python-libraries",
    &[
        ("requirements.txt", include_str!("programs/python-libraries/requirements.txt")),
        ("listen.py", include_str!("programs/python/listen.py")),
    ],
    has_python,
    install_python,
);

/// `listen`, made of what Go brings.
pub(crate) static GO: Kit = Kit::new(
    "go",
    &[("go.mod", include_str!("programs/go/go.mod")), ("listen.go", include_str!("programs/go/listen.go"))],
    has_go,
    build_go,
);

/// `listen`, made with modules.
pub(crate) static GO_LIBRARIES: Kit = Kit::new(
    "go-libraries",
    &[
        ("go.mod", include_str!("programs/go-libraries/go.mod")),
        ("go.sum", include_str!("programs/go-libraries/go.sum")),
        ("listen.go", include_str!("programs/go-libraries/listen.go")),
    ],
    has_go,
    build_go,
);

/// `target/debug/listen`, made with crates.
pub(crate) static CRATES: Kit = Kit::new(
    "crates",
    &[
        ("Cargo.toml", include_str!("programs/crates/Cargo.toml")),
        ("Cargo.lock", include_str!("programs/crates/Cargo.lock")),
        ("listen.rs", include_str!("programs/crates/listen.rs")),
    ],
    || present("cargo", Command::new("cargo").arg("--version")),
    |home| {
        run(Command::new("cargo").args(["build", "--quiet", "--locked", "--target-dir", "target"]).current_dir(home))
    },
);

/// `target/classes/Listen.class` and, in `target/dependency/`, what it needs from Maven Central.
pub(crate) static MAVEN: Kit = Kit::new(
    "maven",
    &[("pom.xml", include_str!("programs/maven/pom.xml")), ("Listen.java", include_str!("programs/maven/Listen.java"))],
    || present("Maven", Command::new("mvn").arg("--version")),
    |home| {
        let build = ["-q", "-B", "package", "dependency:copy-dependencies", "-DincludeScope=runtime"];
        run(Command::new("mvn").args(build).current_dir(home));
    },
);

impl Kit {
    const fn new(
        name: &'static str,
        files: &'static [(&'static str, &'static str)],
        usable: fn() -> bool,
        install: fn(&Path),
    ) -> Kit {
        Kit { name, files, usable, install, home: OnceLock::new() }
    }

    /// Where it is installed; `None` if the machine lacks what it takes.
    pub(crate) fn home(&self) -> Option<&Path> {
        self.home.get_or_init(|| (self.usable)().then(|| self.once())).as_deref()
    }

    /// What the file of this name says.
    pub(crate) fn file(&self, name: &str) -> &'static str {
        let (_, text) = self.files.iter().find(|(file, _)| *file == name).expect("it is one of the kit's files");
        text
    }

    /// It is made under another name and renamed when it is whole: it is never seen half done, even if another process
    /// makes it at the same time.
    fn once(&self) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        self.files.hash(&mut hasher);
        let clients = target().join("clients");
        let home = clients.join(format!("{}-{:016x}", self.name, hasher.finish()));
        if home.exists() {
            return home;
        }
        let draft = clients.join(format!("{}-{}", self.name, process::id()));
        fs::create_dir_all(&draft).expect("target/ is writable");
        for (file, text) in self.files {
            fs::write(draft.join(file), text).expect("target/ is writable");
        }
        (self.install)(&draft);
        // Where it exists by now, another run was faster, and its copy serves as well.
        if fs::rename(&draft, &home).is_err() {
            fs::remove_dir_all(&draft).expect("target/ is writable");
        }
        home
    }
}

fn has_python() -> bool {
    present("Python 3 with venv", Command::new("python3").args(["-c", "import venv, ensurepip"]))
}

fn install_python(home: &Path) {
    run(Command::new("python3").args(["-m", "venv", "."]).current_dir(home));
    let install = ["-m", "pip", "install", "--quiet", "--requirement", "requirements.txt"];
    run(Command::new(home.join("bin/python")).args(install).current_dir(home));
}

fn has_go() -> bool {
    present("Go", Command::new("go").arg("version"))
}

fn build_go(home: &Path) {
    run(Command::new("go").args(["build", "-o", "listen", "."]).current_dir(home));
}

/// It takes as long as it takes: what it downloads and compiles has no common measure.
#[track_caller]
fn run(command: &mut Command) {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
    let status = status.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?}: {status}");
}
