//! Writes the server's policies as files.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::shown;
use crate::failure::{Failure, DONE};
use crate::server::Server;
use crate::yaml::written;

/// Writes each policy into a file of its name. Without `force` no file is written over: where one
/// is there, none is written.
pub(super) fn dump(
    server: &Server,
    folder: &Path,
    force: bool,
    is_json: bool,
) -> Result<u8, Failure> {
    let policies = server.policies()?;
    let failed = |path: &Path, error| Failure::Wrong(format!("{}: {error}", path.display()));
    // The names are names of policies: the server was not believed.
    let path_of = |name: &str| folder.join(format!("{name}.yaml"));
    let is_there = |path: &PathBuf| !force && fs::symlink_metadata(path).is_ok();
    if let Some(path) = policies.keys().map(|it| path_of(it)).find(is_there) {
        let why = "it is there already, and nothing was written; --force writes over it.";
        return Err(Failure::Wrong(format!("{}: {why}", path.display())));
    }
    fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    for (name, stored) in &policies {
        let path = path_of(name);
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
