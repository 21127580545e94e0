//! One function a verb.

mod dump;
mod shown;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::PathBuf;

use crate::args::{Args, Set, Topic, Verb};
use crate::checked::check;
use crate::failure::{Failure, DIFFERENT, DONE};
use crate::files::{self, Filed};
use crate::plan::{plan, Action, Step, Stored};
use crate::server::Server;
use crate::tree::Tree;

/// Runs a verb and tells its exit code.
pub fn run(args: Args) -> Result<u8, Failure> {
    let is_json = args.json;
    let Topic::Policies(verb) = &args.topic;
    match verb {
        Verb::Validate { paths } => validate(paths, is_json),
        Verb::Diff { set, paths } => {
            let (_, steps, _) = planned(&args, set, paths, true)?;
            shown::plan(&steps, is_json);
            let differs = steps.iter().any(|step| step.action != Action::Own);
            Ok(if differs { DIFFERENT } else { DONE })
        }
        Verb::Apply {
            set,
            paths,
            dry_run,
            prune,
            allow_empty,
            take_over,
            reason,
        } => {
            let (server, mut steps, is_empty) = planned(&args, set, paths, *prune)?;
            // What is the same and another's stays another's, unless it is to be taken over.
            let is_left = |step: &Step| step.action == Action::Own && step.held.is_some();
            steps.retain(|step| *take_over || !is_left(step));
            if !is_json || *dry_run {
                shown::plan(&steps, is_json);
            }
            if *dry_run {
                return Ok(DONE);
            }
            let is_removed = |step: &Step| step.action == Action::Remove;
            if is_empty && !allow_empty && steps.iter().any(is_removed) {
                let why = "There is no policy in these files, and --prune would delete all that they own: --allow-empty does so.";
                return Err(Failure::Wrong(why.to_owned()));
            }
            if let Some(step) = steps.iter().find(|step| step.held.is_some() && !take_over) {
                let why = step.held.as_deref().unwrap_or_default();
                return Err(Failure::Held(format!(
                    "`{}` is left alone, and so is everything else: {why}. --take-over changes it all the same.",
                    step.name
                )));
            }
            apply(&server, &steps, reason.as_deref(), is_json)
        }
        Verb::Dump { folder, force } => dump::dump(&server_of(&args)?, folder, *force, is_json),
    }
}

fn validate(paths: &[PathBuf], is_json: bool) -> Result<u8, Failure> {
    let files = files::read(paths)?;
    check(&files, &BTreeMap::new())?;
    shown::count("valid", files.len(), is_json);
    Ok(DONE)
}

fn server_of(args: &Args) -> Result<Server, Failure> {
    let token = match &args.token_file {
        Some(file) => {
            let failed = |error| Failure::Wrong(format!("{}: {error}", file.display()));
            fs::read_to_string(file).map_err(failed)?
        }
        None => env::var("TOLLGATE_TOKEN").unwrap_or_default(),
    };
    let token = token.trim();
    let is_sent = token.bytes().all(|b| b.is_ascii_graphic());
    if token.is_empty() || !is_sent {
        let why = "There is no token that can be sent: set TOLLGATE_TOKEN, or --token-file.";
        return Err(Failure::Wrong(why.to_owned()));
    }
    Server::new(&args.url, token)
}

/// The steps to what the files say, with the deletions if they are wanted; and whether the files
/// hold no policy at all.
fn planned(
    args: &Args,
    set: &Set,
    paths: &[PathBuf],
    prunes: bool,
) -> Result<(Server, Vec<Step>, bool), Failure> {
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    if !(1..=64).contains(&set.set.len()) || !set.set.bytes().all(is_name) {
        let why = "--set must be 1 to 64 letters, digits, `.`, `_` and `-`.";
        return Err(Failure::Wrong(why.to_owned()));
    }
    let files = files::read(paths)?;
    let server = server_of(args)?;
    let stored = server.policies()?;
    let policies = files.iter().map(|(name, it)| (name.clone(), &it.policy));
    let mut steps = plan(&set.set, &policies.collect(), &stored);
    steps.retain(|step| prunes || step.action != Action::Remove);
    check(&files, &others(&files, &stored, &steps))?;
    Ok((server, steps, files.is_empty()))
}

/// What the server has afterwards beside the files.
fn others(
    files: &BTreeMap<String, Filed>,
    stored: &BTreeMap<String, Stored>,
    steps: &[Step],
) -> BTreeMap<String, Tree> {
    let is_removed = |name: &str| {
        steps
            .iter()
            .any(|it| it.action == Action::Remove && it.name == name)
    };
    let kept = stored
        .iter()
        .filter(|(name, _)| !files.contains_key(*name) && !is_removed(name));
    kept.map(|(name, it)| (name.clone(), it.policy.clone()))
        .collect()
}

fn apply(
    server: &Server,
    steps: &[Step],
    reason: Option<&str>,
    is_json: bool,
) -> Result<u8, Failure> {
    for (done, step) in steps.iter().enumerate() {
        if let Err(failure) = server.apply(step, reason) {
            let names = |steps: &[Step]| match steps {
                [] => "none".to_owned(),
                steps => {
                    let names: Vec<&str> = steps.iter().map(|it| it.name.as_str()).collect();
                    names.join(", ")
                }
            };
            return Err(Failure::Server(format!(
                "`{}`: {failure}\nDone: {}. Not done: {}. Run it again to go on.",
                step.name,
                names(&steps[..done]),
                names(&steps[done..])
            )));
        }
    }
    shown::count("applied", steps.len(), is_json);
    Ok(DONE)
}
