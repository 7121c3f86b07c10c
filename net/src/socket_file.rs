//! A listening socket's place in the file system.

use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

/// The file that clients find a listener by. Dropping this removes it, unless another has taken its place.
///
/// Drop it before the listener. As long as that lives, no other server takes the file for one that was left behind, and no
/// other file gets its number.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    /// Listens there; the kernel holds up to `backlog` connections not yet accepted. A socket that nobody listens on any more, as a killed server leaves behind, is replaced. Who may
    /// connect is up to the process's umask, and to the directory.
    ///
    /// # Errors
    /// [`ErrorKind::AddrInUse`] if someone listens there, or if what is there is no socket.
    pub(crate) fn listen(path: &Path, backlog: i32) -> io::Result<(SocketFile, UnixListener)> {
        let socket = match bind(path) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && is_abandoned(path)? => {
                fs::remove_file(path)?;
                bind(path)?
            }
            result => result?,
        };
        let file = SocketFile { path: path.to_owned(), identity: identity(&fs::symlink_metadata(path)?) };
        socket.listen(backlog)?;
        Ok((file, socket.into()))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_ours = fs::symlink_metadata(&self.path).is_ok_and(|found| identity(&found) == self.identity);
        if is_ours {
            // If it fails, somebody else has just removed it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

fn bind(path: &Path) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::unix(path)?)?;
    Ok(socket)
}

/// Whether this is a socket on which nobody listens.
fn is_abandoned(path: &Path) -> io::Result<bool> {
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        return Ok(false);
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A listener whose queue is full would make us wait.
    socket.set_nonblocking(true)?;
    let connected = socket.connect(&SockAddr::unix(path)?);
    Ok(connected.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused))
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::os::unix::net::UnixStream;
    use std::process;

    use super::*;

    fn path(name: &str) -> PathBuf {
        env::temp_dir().join(format!("sse-net-{}-{name}.sock", process::id()))
    }

    #[test]
    fn one_listens_at_a_time_and_leaves_nothing_behind() {
        let path = path("one");
        let (file, listener) = SocketFile::listen(&path, 16).unwrap();
        assert_eq!(SocketFile::listen(&path, 16).unwrap_err().kind(), ErrorKind::AddrInUse);
        UnixStream::connect(&path).unwrap();
        drop((file, listener));
        assert!(!path.exists());
    }

    #[test]
    fn what_a_killed_server_left_is_replaced() {
        let path = path("killed");
        let (file, listener) = SocketFile::listen(&path, 16).unwrap();
        std::mem::forget(file);
        drop(listener);
        let (file, _listener) = SocketFile::listen(&path, 16).unwrap();
        UnixStream::connect(&path).unwrap();
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn a_successors_file_stays() {
        let path = path("successor");
        let (old, _old_listener) = SocketFile::listen(&path, 16).unwrap();
        fs::remove_file(&path).unwrap();
        let (new, _new_listener) = SocketFile::listen(&path, 16).unwrap();
        drop(old);
        UnixStream::connect(&path).unwrap();
        drop(new);
        assert!(!path.exists());
    }

    #[test]
    fn what_is_no_socket_stays() {
        let path = path("file");
        fs::write(&path, "precious").unwrap();
        assert_eq!(SocketFile::listen(&path, 16).unwrap_err().kind(), ErrorKind::AddrInUse);
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
        fs::remove_file(&path).unwrap();
    }
}
