//! Proxies between clients and the server, configured with no more than they need.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{self, Command};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use crate::process::{PATIENCE, Process};
use crate::server::Server;
use crate::tools::present;

/// A proxy that listens at a path, where no other program's port is in its way.
pub(crate) struct Proxy {
    process: Process,
    home: PathBuf,
}

impl Proxy {
    /// `None` if there is no nginx.
    pub(crate) fn nginx(server: &Server) -> Option<Proxy> {
        // Debian has it where only root looks.
        let nginx = if fs::exists("/usr/sbin/nginx").unwrap_or(false) { "/usr/sbin/nginx" } else { "nginx" };
        if !present("nginx", Command::new(nginx).arg("-v")) {
            return None;
        }
        let home = Proxy::home();
        let path = home.display();
        // In the foreground and as one process, so that it ends when it is killed. The rest is as it comes.
        let configuration = format!(
            "daemon off; master_process off; pid {path}/pid; error_log {path}/log;
            events {{}}
            http {{
                access_log off;
                client_body_temp_path {path}/1; proxy_temp_path {path}/2; fastcgi_temp_path {path}/3;
                uwsgi_temp_path {path}/4; scgi_temp_path {path}/5;
                server {{ listen unix:{path}/socket; location / {{ proxy_pass http://{}; }} }}
            }}",
            server.address()
        );
        fs::write(home.join("configuration"), configuration).expect("the directory is writable");
        let mut command = Command::new(nginx);
        command.arg("-p").arg(&home).arg("-e").arg(home.join("log")).arg("-c").arg(home.join("configuration"));
        Some(Proxy::start(home, &mut command))
    }

    /// `None` if there is no HAProxy.
    pub(crate) fn haproxy(server: &Server) -> Option<Proxy> {
        let haproxy = if fs::exists("/usr/sbin/haproxy").unwrap_or(false) { "/usr/sbin/haproxy" } else { "haproxy" };
        if !present("HAProxy", Command::new(haproxy).arg("-v")) {
            return None;
        }
        let home = Proxy::home();
        // The timeouts are those of Debian's configuration.
        let configuration = format!(
            "defaults\n mode http\n timeout connect 5000\n timeout client 50000\n timeout server 50000\n\
            frontend clients\n bind unix@{}/socket\n default_backend servers\n\
            backend servers\n server one {}\n",
            home.display(),
            server.address()
        );
        fs::write(home.join("configuration"), configuration).expect("the directory is writable");
        let mut command = Command::new(haproxy);
        // In the foreground.
        command.args(["-db", "-f"]).arg(home.join("configuration"));
        Some(Proxy::start(home, &mut command))
    }

    /// Where it listens.
    pub(crate) fn path(&self) -> PathBuf {
        self.home.join("socket")
    }

    /// A directory of its own, whose name is short: so must be a socket's (108 bytes).
    fn home() -> PathBuf {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let nth = MADE.fetch_add(1, Ordering::Relaxed); // a count on its own
        let home = std::env::temp_dir().join(format!("sse-proxy-{}-{nth}", process::id()));
        fs::create_dir_all(&home).expect("the directory for temporary files is writable");
        home
    }

    fn start(home: PathBuf, command: &mut Command) -> Proxy {
        let proxy = Proxy { process: Process::read_stderr(command), home };
        let begun = Instant::now();
        while UnixStream::connect(proxy.path()).is_err() {
            assert!(begun.elapsed() < PATIENCE, "{command:?} doesn't listen");
            thread::yield_now();
        }
        proxy
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.process.end();
        let _ = fs::remove_dir_all(&self.home);
    }
}
