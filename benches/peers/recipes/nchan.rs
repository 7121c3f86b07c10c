//! Nchan, as Debian has it. Its packages are taken apart rather than installed: nothing is started, and no one need be
//! root.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Result;
use crate::program::{Counting, Kind, Posting, Program};
use crate::workshop::Workshop;

const PACKAGES: [&str; 2] = ["nginx", "libnginx-mod-nchan"];

const CONFIGURATION: &str = include_str!("../foreign/nchan.conf");

/// The module makes a folder in `/var/lib/nginx`, wherever nginx is told to keep its files. So it gets a `/var/lib` of
/// its own, which no one else sees. It ends with us, even if we are killed.
const SHELTER: &str =
    "mount -t tmpfs tmpfs /var/lib && mkdir /var/lib/nginx && exec setpriv --pdeathsig KILL \"$0\" \"$@\"";

pub(super) fn make(workshop: &Workshop) -> Result<Program> {
    let root = workshop.folder.join("root");
    let file = root.join("usr/sbin/nginx");
    let module = root.join("usr/lib/nginx/modules/ngx_nchan_module.so");
    if !(file.exists() && module.exists()) {
        let downloaded = workshop.run(workshop.command("apt-get", &["download", PACKAGES[0], PACKAGES[1]]));
        downloaded.map_err(|error| format!("{error} (after `apt-get update` it may be found)"))?;
        for entry in fs::read_dir(&workshop.folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "deb") {
                let mut unpack = workshop.command("dpkg-deb", &["--extract"]);
                unpack.arg(&path).arg(&root);
                workshop.run(unpack)?;
                fs::remove_file(path)?;
            }
        }
    }
    let posting = Posting { launch, create: None, publish: "/publish/time", after: "" };
    Ok(Program {
        file,
        folder: workshop.folder.clone(),
        kind: Kind::Posted(posting),
        stream: "/subscribe/time",
        counting: Counting::Lines,
    })
}

fn launch(program: &Path, folder: &Path, port: u16) -> Result<Command> {
    let path = folder.join("nginx.conf");
    fs::write(&path, CONFIGURATION.replace("PORT", &port.to_string()))?;
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", SHELTER]).arg(program);
    command.args(["-e", "stderr", "-p"]).arg(folder).arg("-c").arg(path);
    Ok(command)
}
