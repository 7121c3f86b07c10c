//! What the machine has, and what is installed for the tests.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// Whether `probe`, a command that succeeds where `tool` is usable, does. In CI it must.
pub(crate) fn present(tool: &str, probe: &mut Command) -> bool {
    let status = probe.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if status.is_ok_and(|status| status.success()) {
        return true;
    }
    let missing = format!("{tool} is not on this machine");
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{missing}: in CI every client runs");
    // Not `eprintln!`, which only a failing test shows.
    let _ = writeln!(io::stderr(), "{missing}: its clients are left out");
    false
}

/// The workspace's target directory.
pub(crate) fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is named after the target directory's tmp/")
}

/// Clients from package registries, each at a pinned version.
pub(crate) mod installed {
    use std::fs;
    use std::hash::{DefaultHasher, Hash, Hasher};
    use std::path::{Path, PathBuf};
    use std::process::{self, Command};
    use std::sync::OnceLock;

    use super::{present, target};
    use crate::process::Process;

    /// The directory with `listen.mjs` and its packages, if there is Node.
    pub(crate) fn node() -> Option<&'static Path> {
        static HOME: OnceLock<Option<PathBuf>> = OnceLock::new();
        let files = [
            ("package.json", include_str!("package.json")),
            ("package-lock.json", include_str!("package-lock.json")),
            ("listen.mjs", include_str!("listen.mjs")),
        ];
        let install = || {
            let usable = present("Node 20.18 with npm", Command::new("npm").arg("--version"))
                && present("Node 20.18", Command::new("node").args(["--experimental-eventsource", "-e", "0"]));
            usable.then(|| {
                once("node", &files, |home| {
                    run(Command::new("npm").args(["ci", "--silent", "--no-audit", "--no-fund"]).current_dir(home));
                })
            })
        };
        HOME.get_or_init(install).as_deref()
    }

    /// The directory with `listen.py` and, in `bin/python`, its packages, if there is Python.
    pub(crate) fn python() -> Option<&'static Path> {
        static HOME: OnceLock<Option<PathBuf>> = OnceLock::new();
        let files = [("requirements.txt", include_str!("requirements.txt")), ("listen.py", include_str!("listen.py"))];
        let install = || {
            let usable = present("Python 3 with venv", Command::new("python3").args(["-c", "import venv, ensurepip"]));
            usable.then(|| {
                once("python", &files, |home| {
                    run(Command::new("python3").args(["-m", "venv", "."]).current_dir(home));
                    let install = ["-m", "pip", "install", "--quiet", "--requirement", "requirements.txt"];
                    run(Command::new(home.join("bin/python")).args(install).current_dir(home));
                })
            })
        };
        HOME.get_or_init(install).as_deref()
    }

    /// The directory that holds `files` and what `install` made beside them. It is made under another name and renamed
    /// when it is whole: it is never seen half done, whoever else makes it at the same time.
    fn once(name: &str, files: &[(&str, &str)], install: impl Fn(&Path)) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        files.hash(&mut hasher);
        let clients = target().join("clients");
        let home = clients.join(format!("{name}-{:016x}", hasher.finish()));
        if home.exists() {
            return home;
        }
        let draft = clients.join(format!("{name}-{}", process::id()));
        fs::create_dir_all(&draft).expect("target/ is writable");
        for (file, text) in files {
            fs::write(draft.join(file), text).expect("target/ is writable");
        }
        install(&draft);
        // Where it exists by now, another run was faster, and its copy serves as well.
        if fs::rename(&draft, &home).is_err() {
            fs::remove_dir_all(&draft).expect("target/ is writable");
        }
        home
    }

    fn run(command: &mut Command) {
        Process::read_stdout(command).rest();
    }
}
