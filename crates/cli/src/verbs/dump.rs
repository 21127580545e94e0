//! Writes the server's policies as files.

use std::fs;
use std::io::Write;
use std::path::Path;

use super::shown;
use crate::failure::{Failure, DONE};
use crate::server::Server;
use crate::yaml::written;

/// Writes each policy into a file of its name. Without `force` no file is written over.
pub(super) fn dump(
    server: &Server,
    folder: &Path,
    force: bool,
    is_json: bool,
) -> Result<u8, Failure> {
    let policies = server.policies()?;
    let failed = |path: &Path, error| Failure::Wrong(format!("{}: {error}", path.display()));
    fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    for (name, stored) in &policies {
        let path = folder.join(format!("{name}.yaml"));
        let mut options = fs::OpenOptions::new();
        let options = options
            .write(true)
            .create(true)
            .truncate(true)
            .create_new(!force);
        let file = options.open(&path);
        let text = written(&stored.policy);
        let done = file.and_then(|mut file| file.write_all(text.as_bytes()));
        done.map_err(|error| failed(&path, error))?;
    }
    shown::count("dumped", policies.len(), is_json);
    Ok(DONE)
}
